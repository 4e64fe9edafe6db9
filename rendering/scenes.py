"""One picture: where it is taken, what lies there, and which of it is an AC remote.

`picture` is the whole way; the functions above it each set up one kind of place.
"""

from typing import NamedTuple

import cv2
import numpy as np

from . import lookalikes, materials, rooms
from .annotations import mask_to_polygon
from .camera import Camera, Pose, axis_rotation, look_at, place, plane_homography, project
from .colors import chance, mix, pick, smoothstep
from .hands import Hand, cable, pointing_finger
from .photograph import expose
from .remotes import remote
from .screenshots import paste, screenshot
from .slabs import (
    ENVIRONMENT_SIZE,
    SUPERSAMPLING,
    Canvas,
    Light,
    Slab,
    at_height,
    cast_shadow,
    draw,
)

TYPICAL_LENGTH = 150.0  # of a remote, mm
LEAST_IN_FRAME = 0.3  # of a remote's outline; with less of it in the picture it is set up anew
LEAST_VISIBLE = 0.35  # of what is in the frame, when other things lie on it
LEAST_AREA_PX = 300
LOOKALIKES_WITHOUT_REMOTE = 0.8  # share of the negatives that are not just an empty place
FULL_DETAIL = 11.0  # texture pixels per mm beyond which nothing is left to draw


class Options(NamedTuple):
    """`lookalikes`, `negatives` and `photo_share` are shares (0..1) of the pictures."""

    lookalikes: float = 0.5
    negatives: float = 0.0
    photos: tuple[np.ndarray, ...] = ()
    photo_share: float = 0.0


class Picture(NamedTuple):
    """`photo` uint8 sRGB `[H, W, 3]`; one bool mask `[H, W]` and polygon `[n, 2]` per remote."""

    photo: np.ndarray
    masks: list[np.ndarray]
    polygons: list[np.ndarray]


class Item(NamedTuple):
    """A slab in the world; `instance` when it is a remote."""

    slab: Slab
    pose: Pose
    instance: bool


class View(NamedTuple):
    """Where the camera stands: `distance` and the surface's `far_end` in mm, `detail` px per mm."""

    camera: Camera
    light: Light
    shape: tuple[int, int]
    distance: float
    detail: float
    far_end: float
    kind: str


class Rejected(Exception):
    """This draw of the dice gave a remote that is hardly visible; another is made."""


def _share(rng):
    """Return a remote's length as a share of the picture's longer side: close-up to far."""
    share = float(np.exp(rng.uniform(np.log(0.2), np.log(1.0))))
    return share * 1.25 if chance(rng, 0.1) else share


def _detail(camera, distance):
    return float(np.clip(SUPERSAMPLING * camera.focal_px / distance, 0.9, FULL_DETAIL))


def _to_plane(camera, pixel):
    """Return (x, y) mm on the plane z = 0 seen at `pixel` (x, y)."""
    point = np.linalg.inv(plane_homography(camera)) @ [*pixel, 1.0]
    return point[:2] / point[2]


def _aim(rng, shape):
    """Return the pixel (x, y) about which the main thing lies."""
    spread = 0.1 if chance(rng, 0.75) else 0.24
    offset = np.clip(rng.normal(0, spread, 2), -0.48, 0.48)
    return (0.5 + offset) * shape[::-1]


def _turn(rng):
    return rng.normal(0, 14) if chance(rng, 0.4) else rng.uniform(0, 360)


def _footprint(slab, pose):
    points = place(pose, at_height(slab.outline, 0.0))[:, :2]
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def _apart(first, second):
    """Return whether two convex polygons `[n, 2]` are disjoint (separating axis theorem)."""
    for polygon in (first, second):
        edges = np.roll(polygon, -1, 0) - polygon
        axes = np.stack([-edges[:, 1], edges[:, 0]], 1)
        one, other = first @ axes.T, second @ axes.T
        if ((one.max(0) < other.min(0)) | (other.max(0) < one.min(0))).any():
            return True
    return False


def _free(slab, pose, items, gap=1.03):
    hull = _footprint(slab, pose)
    hull = (hull - hull.mean(0)) * gap + hull.mean(0)
    return all(_apart(hull, _footprint(other.slab, other.pose)) for other in items)


def _plane(rng, camera, light, shape, material, distance):
    """Return the lit plane z = 0 as the camera sees it, linear `[H, W, 3]`, and its depth."""
    longest = max(shape)
    size = int(1.2 * longest)
    mm = distance / camera.focal_px
    albedo = np.ascontiguousarray(material(rng, size, mm), np.float32)
    turn = 90 * rng.integers(0, 4) + (0 if chance(rng, 0.4) else rng.uniform(-45, 45))
    if material in (materials.bricks, materials.wallpaper, materials.newsprint):
        turn = rng.normal(0, 3)
    spin = axis_rotation(2, turn)
    to_plane = np.diag([mm, -mm, 1.0]) @ np.array([[1, 0, -size / 2], [0, 1, -size / 2], [0, 0, 1]])
    warp = plane_homography(camera) @ spin @ to_plane
    plane = cv2.warpPerspective(
        albedo, warp, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    ray_x = (x - camera.center_px[0]) / camera.focal_px
    ray_y = (y - camera.center_px[1]) / camera.focal_px
    axes = camera.rotation.astype(np.float32)
    ray = [axes[0, i] * ray_x + axes[1, i] * ray_y + axes[2, i] for i in range(3)]
    depth = np.where(ray[2] < -1e-3, -camera.position[2] / np.minimum(ray[2], -1e-3), 1e6)
    plane *= (light.ambient + light.color * light.direction[2]).astype(np.float32)

    gloss = pick(rng, {0.0: 3, 0.35: 2, 1.0: 1.5})
    if material in (materials.cloth, materials.carpet, materials.bricks):
        gloss = 0.0
    if gloss:
        length = np.sqrt(ray_x**2 + ray_y**2 + 1)
        half = 0.5 * (ENVIRONMENT_SIZE - 1)
        dull = cv2.GaussianBlur(light.environment, (0, 0), rng.uniform(1.5, 6))
        around = cv2.remap(
            dull, (ray[0] / length + 1) * half, (1 - ray[1] / length) * half, cv2.INTER_LINEAR
        )
        fresnel = 0.04 + 0.96 * cv2.pow(1 - np.clip(-ray[2] / length, 0, 1), 5.0)
        plane += around * (gloss * fresnel)[..., None]
    return plane, depth, camera.position[1] + depth * ray[1]


def _backdrop(rng, camera, light, shape, kind, distance, options, tilt):
    """Return (background, far end of the surface in mm) of a place of this `kind`."""
    far_end = 1e9
    if options.photos and chance(rng, options.photo_share):
        return rooms.photo(rng, shape, options.photos), far_end
    if kind == "studio":
        return rooms.studio(rng, shape) * np.float32(rng.uniform(0.9, 1.1)), far_end
    table = {"table": materials.TABLES, "wall": materials.WALLS, "sofa": materials.SOFAS}[kind]
    plane, depth, reach = _plane(rng, camera, light, shape, pick(rng, table), distance)
    if tilt > 22:
        span = float(depth[depth < 1e6].mean()) if (depth < 1e6).any() else distance
        strength = rng.uniform(0.001, 0.006) * max(shape)
        soft = cv2.GaussianBlur(plane, (0, 0), strength)
        away = smoothstep(1.15, 2.2, depth / distance) + smoothstep(1.2, 2.0, distance / depth)
        plane = mix(plane, soft, np.clip(away, 0, 1).astype(np.float32))
        if tilt > 35:
            far_end = rng.uniform(180, 600) + 0.1 * span
            behind = rooms.room(rng, shape, rng.uniform(0.006, 0.02) * max(shape))
            behind *= np.float32(rng.uniform(0.4, 1.1))
            cover = (reach < far_end) & (depth < 1e6)
            plane = mix(behind, plane, cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 1.0))
    return plane, far_end


def _viewpoint(rng, shape, kind):
    """Return (camera, distance to what it looks at in mm, tilt in degrees)."""
    focal = rng.uniform(0.85, 1.7) * max(shape)
    distance = focal * TYPICAL_LENGTH / (_share(rng) * max(shape))
    if kind == "wall":
        # Seen from anywhere around; then the picture is turned upright again.
        tilt, azimuth = rng.uniform(-24, 24), rng.uniform(-80, 80)
        roll = rng.normal(0, 3) - azimuth
    else:
        tilt = pick(rng, [rng.uniform(0, 15), rng.uniform(10, 40), rng.uniform(35, 66)])
        azimuth, roll = 0.0, rng.normal(0, 4)
    return look_at((0, 0, 0), distance, tilt, azimuth, roll, focal, shape), distance, tilt


def _lying(rng, shape, options, kind, count):
    """Set up things that lie on a table or sofa, hang on a wall, or lie in a studio."""
    camera, distance, tilt = _viewpoint(rng, shape, kind)
    in_studio = kind == "studio"
    soft = rng.uniform(0.35, 0.9) if in_studio else None
    light = rooms.light(rng, soft, 0.88 if in_studio else 1.0)
    background, far_end = _backdrop(rng, camera, light, shape, kind, distance, options, tilt)
    canvas = Canvas(background)
    view = View(camera, light, shape, distance, _detail(camera, distance), far_end, kind)
    items, holders = _remotes(rng, view, count)
    if chance(rng, options.lookalikes if count else LOOKALIKES_WITHOUT_REMOTE):
        _scatter(rng, items, view)
    items.sort(key=lambda item: -project(camera, item.pose.origin)[1][0])
    for item in items + holders:
        cast_shadow(canvas, item.slab, item.pose, camera, light, 0.75 if in_studio else 1.0)
        draw(canvas, item.slab, item.pose, camera, light, item.instance)
    remotes = [item for item in items if item.instance]
    if remotes and kind in ("table", "sofa"):
        remotes += _cover(rng, canvas, pick(rng, remotes), view)
    _check_frame(canvas, remotes, camera)
    return canvas, in_studio


def _remotes(rng, view, count):
    """Return `count` remotes (fewer where there is no room), and wall holders for some."""
    items, holders = [], []
    for index in range(count):
        slab = remote(rng, view.detail)
        for _ in range(30):
            whole = rng.uniform(0.08, 0.92, 2) * view.shape[::-1]
            spot = _to_plane(view.camera, _aim(rng, view.shape) if index == 0 else whole)
            upright = view.kind == "wall" or (view.kind == "studio" and chance(rng, 0.6))
            turn = rng.normal(0, 1.5) if upright else _turn(rng)
            pose = Pose(axis_rotation(2, turn), np.array([*spot, 0.0]))
            if _stands(view, slab, pose, 80) and _free(slab, pose, items):
                items.append(Item(slab, pose, True))
                if view.kind == "wall" and chance(rng, 0.6):
                    holders.append(_holder(rng, slab, pose, view.detail))
                break
    if count and not items:
        raise Rejected
    return items, holders


def _holder(rng, slab, pose, detail):
    """Return the wall holder in which the remote's lower end is stuck."""
    low = slab.outline.min(0)
    bracket = lookalikes.holder(rng, detail, -2 * low[0], slab.thickness)
    foot = low[1] + bracket.front.height / 2 - rng.uniform(2, 6)
    origin = pose.origin + pose.rotation @ [0, foot, 0]
    return Item(bracket, Pose(pose.rotation, origin), False)


def _stands(view, slab, pose, margin):
    """Return whether a thing stands on the surface, and well in front of the camera."""
    top = pose.origin + [0, 0, slab.thickness]
    nearest, farthest = project(view.camera, np.stack([top, pose.origin]))[1]
    if nearest < 0.4 * view.distance or farthest > 5 * view.distance:
        return False
    return pose.origin[1] < view.far_end - margin


def _scatter(rng, items, view):
    """Add one to five things that are no remote wherever there is room."""
    makers = {"wall": lookalikes.ON_WALLS, "studio": lookalikes.SMALL}
    makers = makers.get(view.kind, lookalikes.ALL)
    for _ in range(int(rng.integers(1, 6))):
        slab = pick(rng, makers)(rng, view.detail)
        # What stands high hides what lies behind it.
        gap = 1.5 if slab.thickness > 40 and items else 1.05
        for _ in range(10):
            spot = _to_plane(view.camera, rng.uniform(-0.1, 1.1, 2) * view.shape[::-1])
            turn = 0 if view.kind == "wall" else _turn(rng)
            pose = Pose(axis_rotation(2, turn), np.array([*spot, 0.0]))
            if _stands(view, slab, pose, 60) and _free(slab, pose, items, gap):
                items.append(Item(slab, pose, False))
                break


def _cover(rng, canvas, item, view):
    """Sometimes lay something over a part of the remote; return it where it is one itself."""
    slab, pose, camera, light = item.slab, item.pose, view.camera, view.light
    low, high = slab.outline.min(0), slab.outline.max(0)
    kind = pick(rng, {"none": 6, "thing": 1.5, "remote": 0.6, "cable": 1, "finger": 1})
    if kind in ("thing", "remote"):
        maker = remote if kind == "remote" else pick(rng, lookalikes.COVERS)
        other = maker(rng, view.detail)
        reach = np.hypot(*(np.ptp(other.outline, axis=0) / 2)) * rng.uniform(0.55, 0.8)
        end = pick(rng, [-1, 1]) * (high[1] * rng.uniform(0.5, 0.8) + reach)
        side = rng.uniform(-1, 1) * high[0]
        spot = place(pose, [[side, end, slab.thickness]])[0]
        over = Pose(axis_rotation(2, rng.uniform(0, 360)), spot)
        cast_shadow(canvas, other, over, camera, light)
        draw(canvas, other, over, camera, light, kind == "remote")
        return [Item(other, over, True)] if kind == "remote" else []
    if kind == "cable":
        middle = place(pose, [[0, rng.uniform(-0.4, 0.4) * (high[1] - low[1]), 0]])[0][:2]
        turn = rng.uniform(0, np.pi)
        along = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(250, 700)
        cable(canvas, rng, camera, light, middle - along, middle + along, slab.thickness * 0.8)
    elif kind == "finger":
        x, y = rng.uniform(-0.5, 0.5) * high[0], rng.uniform(-0.6, 0.6) * high[1]
        spot = place(pose, [x, y, slab.thickness])[0]
        pointing_finger(canvas, rng, camera, light, spot)
    return []


def _held(rng, shape, options, kind, count):
    """Set up a remote (or what is none) in the air: in a hand before a room, or before paper."""
    focal = rng.uniform(0.9, 1.8) * max(shape)
    distance = focal * TYPICAL_LENGTH / (float(np.clip(1.2 * _share(rng), 0.36, 0.95)) * max(shape))
    camera = look_at((0, 0, 0), distance, 0.0, 0.0, 0.0, focal, shape)
    light = rooms.light(rng, bright=0.88 if kind == "floating" else 1.0)
    if options.photos and chance(rng, options.photo_share):
        background = rooms.photo(rng, shape, options.photos)
        background = cv2.GaussianBlur(background, (0, 0), rng.uniform(0.5, 8))
    elif kind == "floating":
        background = rooms.studio(rng, shape) * np.float32(rng.uniform(0.9, 1.1))
    elif chance(rng, 0.75):
        background = rooms.room(rng, shape, rng.uniform(0.003, 0.022) * max(shape))
    else:
        table = pick(rng, [materials.TABLES, materials.SOFAS, materials.WALLS])
        far = look_at((0, 0, 0), 2.5 * distance, rng.uniform(0, 45), 0, 0, focal, shape)
        background, _, _ = _plane(rng, far, light, shape, pick(rng, table), 2.5 * distance)
        background = cv2.GaussianBlur(background, (0, 0), rng.uniform(0.001, 0.012) * max(shape))
    canvas = Canvas(background)
    maker = remote if count else pick(rng, lookalikes.IN_HANDS)
    slab = maker(rng, _detail(camera, distance))
    rotation = axis_rotation(2, rng.normal(0, 28) if chance(rng, 0.7) else rng.uniform(0, 360))
    rotation = rotation @ axis_rotation(0, rng.normal(0, 22)) @ axis_rotation(1, rng.normal(0, 20))
    aim = _to_plane(camera, _aim(rng, shape))
    pose = Pose(rotation, np.array([*aim, 0.0]))
    hand = Hand(rng, slab, pose) if kind == "hand" else None
    if hand:
        hand.draw_behind(canvas, camera, light)
    draw(canvas, slab, pose, camera, light, bool(count))
    if hand:
        hand.draw_before(canvas, camera, light)
    _check_frame(canvas, [Item(slab, pose, True)] if count else [], camera)
    return canvas, kind == "floating"


def _check_frame(canvas, remotes, camera):
    """Raise Rejected where a remote is cut off too far by the picture's border."""
    areas = []
    for item in remotes:
        front = at_height(item.slab.outline, item.slab.thickness)
        outline = project(camera, place(item.pose, front))[0]
        areas.append(cv2.contourArea(outline.astype(np.float32)))
    if len(canvas.whole) != len(remotes):
        raise Rejected
    if any(w < LEAST_IN_FRAME * a for w, a in zip(canvas.whole, areas, strict=True)):
        raise Rejected


PLACES = {"table": 40, "hand": 17, "wall": 13, "sofa": 12, "studio": 12, "floating": 6}


def _attempt(rng, shape, options):
    kind = pick(rng, PLACES)
    count = int(pick(rng, {1: 70, 2: 21, 3: 9}))
    if chance(rng, options.negatives):
        count = 0
    framed = chance(rng, 0.06)
    inner = shape
    if framed:
        wide = shape[1] - 2 * int(shape[1] * rng.uniform(0, 0.08))
        inner = int(min(shape[0] * rng.uniform(0.5, 0.78), wide * 1.4)), wide
    setting = _held if kind in ("hand", "floating") else _lying
    canvas, clean = setting(rng, inner, options, kind, count)
    light = canvas.color
    if not clean:
        light = light * rooms.falloff(rng, inner)
    masks = [visible > 0.5 for visible in canvas.visible]
    for mask, whole in zip(masks, canvas.whole, strict=True):
        if mask.sum() < max(LEAST_VISIBLE * whole, LEAST_AREA_PX):
            raise Rejected
    photo = expose(rng, light, clean)
    if framed:
        page, corner = screenshot(rng, shape, inner)
        photo, masks = paste(page, corner, photo, masks)
    polygons = [mask_to_polygon(mask) for mask in masks]
    if any(polygon is None for polygon in polygons):
        raise Rejected
    return Picture(photo, masks, polygons)


def picture(rng: np.random.Generator, shape: tuple[int, int], options: Options) -> Picture:
    """Return a picture of `shape` (height, width) with one to three remotes, or none."""
    while True:
        try:
            return _attempt(rng, shape, options)
        except Rejected:
            continue
