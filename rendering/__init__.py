"""The renderer of the sample data set: photos of AC remotes that nobody had to take.

Leaf to root: `colors` and `textures` (what surfaces are painted with), `camera` and `slabs`
(what stands in front of the camera, lit and in perspective), `remotes`, `lookalikes`,
`materials`, `rooms` and `hands` (the things themselves), `scenes` (one picture of them),
`photograph` (what a phone makes of it), `annotations` (its polygons, as VIA writes them).

Lengths are millimetres, colours are linear light, float32 RGB, unless a name says otherwise.
World axes: x to the right, y away from the viewer, z up, out of the table or the wall.
Everything random comes from the `numpy.random.Generator` that is passed in.
"""
