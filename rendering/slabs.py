"""Flat things with a thickness: their light, their side faces, their shadows.

A slab is an outline in the (x, y) plane (y upwards), pushed out to `thickness`; its front is a
`Texture`. It is lit in the texture, seen through a homography, and laid over the canvas from
layers drawn at twice the size, so that its edges come out smooth.
"""

import itertools
from typing import NamedTuple

import cv2
import numpy as np

from .camera import place, plane_homography, project
from .colors import image_to_linear
from .textures import SUBPIXEL_BITS, Texture, fixed

SUPERSAMPLING = 2
ENVIRONMENT_SIZE = 64


class Slab(NamedTuple):
    """`outline` `[n, 2]` mm, counter-clockwise about (0, 0); `edge` mm is the rounding's radius.

    `arch` mm is how far the front bulges across its width.
    """

    outline: np.ndarray
    thickness: float
    front: Texture
    side: np.ndarray
    edge: float = 1.0
    shininess: float = 40.0
    arch: float = 0.0
    inset: float = 1.0


class Light(NamedTuple):
    """A key light (world direction towards it), an even rest, and what mirrors in gloss.

    `environment` `[64, 64, 3]` is the upper half of the world seen from above: a reflected ray's
    (x, y) in -1..1 is its place. `softness` is the key light's width as a fraction of its
    distance: 0.05 a lamp, 0.6 a window.
    """

    direction: np.ndarray
    color: np.ndarray
    ambient: np.ndarray
    environment: np.ndarray
    softness: float


class Canvas:
    """The picture so far, linear `[H, W, 3]`, and what is still visible of each instance."""

    def __init__(self, background):
        self.color = np.ascontiguousarray(background, np.float32)
        self.visible = []
        self.whole = []

    @property
    def shape(self):
        return self.color.shape[:2]

    def lay(self, layer, corner, instance=False):
        """Lay premultiplied `layer` float32 `[h, w, 4]` over the picture at `corner` (y, x)."""
        height, width = layer.shape[:2]
        area = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        rest = 1 - layer[..., 3]
        self.color[area] *= rest[..., None]
        self.color[area] += layer[..., :3]
        for visible in self.visible:
            visible[area] *= rest
        if instance:
            alpha = np.zeros(self.shape, np.float32)
            alpha[area] = layer[..., 3]
            self.visible.append(alpha)
            self.whole.append(float(alpha.sum()))

    def darken(self, shadow, corner, share):
        """Take `share` `[3]` of the light away where `shadow` `[h, w]` is 1."""
        height, width = shadow.shape
        area = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        self.color[area] *= 1 - shadow[..., None] * np.asarray(share, np.float32)


def region(points, shape, margin=2.0):
    """Return (corner (y, x), size (h, w)) of the pixels around `points` inside `shape`, or None."""
    low = np.maximum(np.floor(points.min(0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(points.max(0) + margin).astype(int), shape[::-1])
    if (high <= low).any():
        return None
    return (low[1], low[0]), (high[1] - low[1], high[0] - low[0])


def at_height(points, z):
    """Return points `[n, 2]` of the (x, y) plane at the height `z`, `[n, 3]`."""
    return np.column_stack([points, np.full(len(points), z)])


def draw(canvas, slab, pose, camera, light, instance=False):
    """Draw the slab; as an `instance` it is one that is annotated."""
    normals = _outline_normals(slab.outline)
    rings = [
        at_height(slab.outline - normals * slab.inset, 0.0),
        at_height(slab.outline, 0.3 * slab.thickness),
        at_height(slab.outline, slab.thickness),
    ]
    rings = [project(camera, place(pose, ring))[0] for ring in rings]
    found = region(np.concatenate(rings), canvas.shape)
    if found is None:
        return
    (top, left), (height, width) = found
    size = height * SUPERSAMPLING, width * SUPERSAMPLING
    zoom = np.diag([SUPERSAMPLING, SUPERSAMPLING, 1.0])
    zoom = zoom @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    rings = [(ring - (left, top)) * SUPERSAMPLING for ring in rings]

    color = np.zeros((*size, 3), np.float32)
    alpha = np.zeros(size, np.uint8)
    shades = _side_shades(slab, normals, pose, camera, light)
    for ring, (lower, upper) in enumerate(itertools.pairwise(rings)):
        for i, j in zip(range(len(lower)), np.roll(range(len(lower)), -1), strict=True):
            if shades[i] is None:
                continue
            quad = fixed(np.array([lower[i], lower[j], upper[j], upper[i]]))
            darker = (0.72, 1.0)[ring]
            cv2.fillConvexPoly(color, quad, (shades[i] * darker).tolist(), 0, SUBPIXEL_BITS)
            cv2.fillConvexPoly(alpha, quad, 255, 0, SUBPIXEL_BITS)

    front = _lit_front(slab, pose, camera, light)
    to_layer = zoom @ plane_homography(camera, pose, slab.thickness) @ _texture_to_plane(slab.front)
    warped = cv2.warpPerspective(
        front, to_layer, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    face = np.zeros(size, np.uint8)
    cv2.fillPoly(face, [fixed(rings[-1])], 255, 0, SUBPIXEL_BITS)
    cv2.copyTo(warped, face, color)
    alpha |= face

    layer = np.dstack([color, alpha.astype(np.float32) / 255])
    layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
    canvas.lay(layer, (top, left), instance)


def cast_shadow(canvas, slab, pose, camera, light, strength=1.0):
    """Darken what the slab stands on: its cast shadow and the dark line where it touches."""
    scale = camera.focal_px / max(project(camera, pose.origin)[1][0], 1.0)
    slope = light.direction[:2] / max(light.direction[2], 0.25)
    base = place(pose, np.column_stack([slab.outline, np.zeros(len(slab.outline))]))
    key = light.color * max(light.direction[2], 0.25)
    key_share = np.clip(strength * key / (key + light.ambient), 0, 0.92)
    for level in (0.45, 1.0):
        far = base.copy()
        height = slab.thickness * level
        far[:, :2] -= slope * height
        sigma = max(height * light.softness * scale * 0.8, 0.7)
        _darken_hull(canvas, camera, base, far, sigma, 1 - np.sqrt(1 - key_share))
    sigma = max(min(slab.thickness, 14) * 0.22 * scale, 0.7)
    _darken_hull(canvas, camera, base, base, sigma, np.full(3, 0.55 * strength))


def _darken_hull(canvas, camera, near, far, sigma, share):
    """Darken the blurred image of the prism that spans the outlines `near` and `far`."""
    near, far = project(camera, near)[0], project(camera, far)[0]
    found = region(np.concatenate([near, far]), canvas.shape, 3 * sigma + 2)
    if found is None:
        return
    corner, (height, width) = found
    # A blur needs no more pixels than it leaves detail.
    shrink = float(np.clip(3 / sigma, 0.1, 1))
    small = max(int(height * shrink), 2), max(int(width * shrink), 2)
    ratio = np.array([small[1] / width, small[0] / height])
    near, far = (near - corner[::-1]) * ratio, (far - corner[::-1]) * ratio
    shadow = np.zeros(small, np.float32)
    following = np.roll(np.arange(len(near)), -1)
    quads = np.stack([near, near[following], far[following], far], 1)
    for quad in quads if np.abs(near - far).max() > 1e-6 else []:
        cv2.fillConvexPoly(shadow, fixed(quad), 1.0, 0, SUBPIXEL_BITS)
    cv2.fillPoly(shadow, [fixed(near)], 1.0, 0, SUBPIXEL_BITS)
    cv2.fillPoly(shadow, [fixed(far)], 1.0, 0, SUBPIXEL_BITS)
    shadow = cv2.GaussianBlur(shadow, (0, 0), sigma * shrink, borderType=cv2.BORDER_REPLICATE)
    canvas.darken(cv2.resize(shadow, (width, height)), corner, share)


def _outline_normals(outline):
    along = np.roll(outline, -1, 0) - np.roll(outline, 1, 0)
    normals = np.stack([along[:, 1], -along[:, 0]], 1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _texture_to_plane(texture):
    """Return `[3, 3]` from texture pixels to (x, y) mm, the texture's middle at (0, 0)."""
    rows, columns = texture.relief.shape
    step_x, step_y = texture.width / columns, texture.height / rows
    left, top = 0.5 * step_x - texture.width / 2, texture.height / 2 - 0.5 * step_y
    return np.array([[step_x, 0, left], [0, -step_y, top], [0, 0, 1]])


def _side_shades(slab, normals, pose, camera, light):
    """Return the colour of each side quad, None where it looks away from the camera."""
    middles = place(pose, at_height(slab.outline, slab.thickness / 2))
    facing = at_height(normals, 0.0) @ pose.rotation.T
    view = camera.position - middles
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    toward = (facing * view).sum(1)
    diffuse = np.maximum(facing @ light.direction, 0)
    half = view + light.direction
    half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
    shine = np.maximum((facing * half).sum(1), 0) ** slab.shininess
    # Less of the room's light reaches a wall that stands on a surface.
    sky = 0.55 + 0.25 * facing[:, 2]
    shades = (
        slab.side * (light.ambient * sky[:, None] + light.color * diffuse[:, None])
        + 0.15 * light.color * shine[:, None]
    )
    return [shade if t > 0 else None for shade, t in zip(shades, toward, strict=True)]


def _lit_front(slab, pose, camera, light):
    """Return the front's light `[H, W, 3]`: diffuse, highlight and mirrored surroundings."""
    front = slab.front
    rows, columns = front.relief.shape
    relief = front.relief + _rounding(slab)
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=-0.125 * front.scale)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125 * front.scale)
    if slab.arch:
        across = np.linspace(-1, 1, columns, dtype=np.float32)
        slope_x += 4 * slab.arch / front.width * across
    length = 1 / cv2.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    normal = [slope_x * length, slope_y * length, length]

    to_object = pose.rotation.T
    key = to_object @ light.direction
    lambert = np.maximum(sum(n * np.float32(k) for n, k in zip(normal, key, strict=True)), 0)

    # The view direction changes slowly: computed on a coarse grid.
    eye = to_object @ (camera.position - pose.origin)
    grid_y, grid_x = np.mgrid[0.5:-0.5:9j, -0.5:0.5:9j] * [[[front.height]], [[front.width]]]
    view = eye - np.stack([grid_x, grid_y, np.full_like(grid_x, slab.thickness)], -1)
    view /= np.linalg.norm(view, axis=-1, keepdims=True)
    view = cv2.resize(view.astype(np.float32), (columns, rows))
    view_x, view_y, view_z = cv2.split(view)
    facing = np.clip(normal[0] * view_x + normal[1] * view_y + normal[2] * view_z, 0.02, 1)

    mirrored = [2 * facing * n - v for n, v in zip(normal, (view_x, view_y, view_z), strict=True)]
    lobe = np.clip(sum(m * np.float32(k) for m, k in zip(mirrored, key, strict=True)), 0, 1)
    lobe = cv2.pow(lobe, slab.shininess)
    axes = pose.rotation.astype(np.float32)
    world = [sum(axes[i, j] * mirrored[j] for j in range(3)) for i in range(2)]
    place_x = (world[0] * 0.5 + 0.5) * (ENVIRONMENT_SIZE - 1)
    place_y = (0.5 - world[1] * 0.5) * (ENVIRONMENT_SIZE - 1)
    around = cv2.remap(
        light.environment, place_x, place_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # Schlick's approximation of Fresnel's reflection, for plastic and glass (4 % head on).
    fresnel = 0.04 + 0.96 * cv2.pow(1 - facing, 5.0)
    sky = 0.75 + 0.25 * normal[2]

    albedo = image_to_linear(front.color)
    lit = albedo * (
        sky[..., None] * light.ambient.astype(np.float32)
        + lambert[..., None] * light.color.astype(np.float32)
    )
    lit += around * (front.gloss * fresnel)[..., None]
    lit += (front.gloss * lobe * 0.25)[..., None] * light.color.astype(np.float32)
    if front.glow is not None:
        lit += front.glow
    return lit


def _rounding(slab):
    """Return the relief of the rounded rim: a quarter circle of radius `slab.edge`."""
    front = slab.front
    inside = np.zeros(front.relief.shape, np.uint8)
    points = (slab.outline * [1, -1] + [front.width / 2, front.height / 2]) * front.scale
    cv2.fillPoly(inside, [fixed(points - 0.5)], 1, 0, SUBPIXEL_BITS)
    inside = np.pad(inside, 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1] / front.scale
    short = np.clip(slab.edge - distance, 0, 0.93 * slab.edge)
    return np.sqrt(slab.edge**2 - short * short) - slab.edge
