"""Hands and cables: round things without an outline of their own, built of capsules.

A chain is a list of joints (x, y, z, radius) in mm; between two joints lies a tapered capsule.
Each chain is projected, its height over the picture plane gives the normals it is lit by.
"""

import itertools

import cv2
import numpy as np

from .camera import place, project
from .colors import chance, jitter, linear, noise, pick
from .slabs import region

SKINS = (
    "#e8c3a8", "#dfb193", "#d3a283", "#c4906f", "#a97a5c", "#8b6047", "#6e4a37", "#553a2d",
    "#ecd0bd",
)  # fmt: skip
FINGER_JOINTS = 4
# What comes nearer to the camera than this many mm is cut off.
NEAR_MM = 60
SLEEVES = ("#2c3444", "#8a8f96", "#d9d4c8", "#6a2f34", "#3f5a48", "#1f1f22", "#c7a56a", "#7a9cc0")


def _heights(chains, corner, shape):
    """Return (squared height over the picture plane, px²; skin folds at the joints, 0..1).

    Each chain is `[n, 3]`: (x, y, radius) in pixels. Outside of all the square is negative.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x += corner[1]
    y += corner[0]
    total = np.full(shape, -1e6, np.float32)
    folds = np.zeros(shape, np.float32)
    for chain in chains:
        chain = chain.astype(np.float32)
        for index, ((x1, y1, r1), (x2, y2, r2)) in enumerate(itertools.pairwise(chain)):
            dx, dy = x2 - x1, y2 - y1
            t = ((x - x1) * dx + (y - y1) * dy) / max(dx * dx + dy * dy, 1e-6)
            t = np.clip(t, 0, 1)
            radius = r1 + (r2 - r1) * t
            square = radius * radius - (x - x1 - t * dx) ** 2 - (y - y1 - t * dy) ** 2
            if len(chain) == FINGER_JOINTS and index == 1:
                along = (t - 0.5) * np.float32(np.hypot(dx, dy)) / radius
                fold = sum(np.exp(-(((along - at) / 0.09) ** 2)) for at in (-0.18, 0.12))
                folds = np.where((square > total) & (square > 0), fold, folds)
            total = np.maximum(total, square)
    return total, folds


def _before_camera(camera, chain):
    """Return the part of a chain `[n, 4]` that lies at least NEAR_MM before the camera."""
    depth = project(camera, chain[:, :3])[1]
    seen = depth >= NEAR_MM
    if seen.all():
        return chain
    parts = []
    for index in range(len(chain)):
        if index and seen[index - 1] != seen[index]:
            share = (NEAR_MM - depth[index - 1]) / (depth[index] - depth[index - 1])
            parts.append(chain[index - 1] + share * (chain[index] - chain[index - 1]))
        if seen[index]:
            parts.append(chain[index])
    return np.array(parts).reshape(-1, chain.shape[1])


def draw_chains(canvas, camera, light, chains, albedo, rng, shine=0.12, soften=0.0, nail=None):
    """Draw chains of world joints `[n, 4]` as one body; `albedo` `[3]` or a function of (y, x).

    `nail` (world points of a fingernail's middle and tip) paints one.
    """
    projected = []
    for chain in chains:
        chain = _before_camera(camera, chain)
        if not len(chain):
            continue
        pixels, depth = project(camera, chain[:, :3])
        radius = chain[:, 3] * camera.focal_px / depth
        projected.append(np.column_stack([pixels, radius]))
    if not projected:
        return
    joints = np.concatenate(projected)
    spread = joints[:, 2:].repeat(2, 1)
    found = region(np.concatenate([joints[:, :2] - spread, joints[:, :2] + spread]), canvas.shape)
    if found is None:
        return
    corner, shape = found
    square, folds = _heights(projected, corner, shape)
    thick = np.sqrt(np.maximum(square, 0))
    # d(height)/d(distance) at the rim turns the square into a distance for a smooth edge.
    rim = float(np.median(joints[:, 2]))
    alpha = np.clip(square / (2 * max(rim, 1)) + 0.5, 0, 1)
    blur = max(0.05 * rim, 0.5) + soften
    relief = cv2.GaussianBlur(thick, (0, 0), blur)
    slope_x = -cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    slope_y = -cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    length = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    key = camera.rotation @ light.direction
    lambert = length * (slope_x * key[0] + slope_y * key[1] - key[2])
    # Light that went under the skin comes out past the shadow's edge, redder.
    reach = np.array([0.45, 0.28, 0.22], np.float32)
    wrap = np.maximum((lambert[..., None] + reach) / (1 + reach), 0) ** 1.3
    tone = albedo(corner, shape) if callable(albedo) else np.asarray(albedo)
    cells = max(max(shape) / max(rim, 2) * 1.5, 2)
    mottle = noise(rng, shape, cells, 4)
    pores = noise(rng, shape, cells * 14, 2)
    tint = 1 + mottle[..., None] * [0.03, 0.07, 0.07] + 0.03 * pores[..., None]
    tint = tint * (1 - 0.22 * np.clip(folds + 0.4 * folds * pores, 0, 1))[..., None]
    lit = tone * tint * (light.ambient * (0.65 + 0.35 * length[..., None]) + light.color * wrap)
    half = key + np.array([0, 0, -1.0])
    half /= np.linalg.norm(half)
    lobe = np.clip(length * (slope_x * half[0] + slope_y * half[1] - half[2]), 0, 1) ** 18
    lit = lit + (shine * lobe)[..., None] * light.color
    if nail is not None:
        lit = _with_nail(lit, nail, camera, corner)
    layer = np.dstack([lit * alpha[..., None], alpha]).astype(np.float32)
    canvas.lay(layer, corner)


def _with_nail(lit, nail, camera, corner):
    """Paint a fingernail: paler, glossier, with a bright free edge."""
    (middle, tip), _depth = project(camera, np.asarray(nail)[:, :3])
    along = tip - middle
    half = np.linalg.norm(along)
    if half < 2:
        return lit
    angle = np.degrees(np.arctan2(along[1], along[0]))
    mask = np.zeros(lit.shape[:2], np.float32)
    center = middle - corner[::-1]
    whole = center.tolist(), (2 * half, 1.45 * half), angle
    cv2.ellipse(mask, whole, 1.0, -1, cv2.LINE_AA)
    edge = mask.copy()
    rest = (center - 0.22 * along).tolist(), (2 * half, 1.4 * half), angle
    cv2.ellipse(edge, rest, 0.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.05 * half, 0.5))[..., None]
    edge = cv2.GaussianBlur(edge, (0, 0), max(0.06 * half, 0.5))[..., None]
    pale = lit * [1.12, 1.05, 1.05] + 0.03
    return lit * (1 - mask) + pale * mask + 0.1 * edge


def _shadow(canvas, camera, chain, shift, strength, sigma_mm):
    """Darken what lies under a chain, shifted by `shift` mm (world)."""
    chain = _before_camera(camera, chain + np.append(shift, 0))
    if not len(chain):
        return
    pixels, depth = project(camera, chain[:, :3])
    scale = camera.focal_px / depth
    radius, sigma = chain[:, 3] * scale, float(sigma_mm * scale.mean())
    spread = radius[:, None].repeat(2, 1)
    found = region(np.concatenate([pixels - spread, pixels + spread]), canvas.shape, 3 * sigma)
    if found is None:
        return
    corner, shape = found
    square, _ = _heights([np.column_stack([pixels, radius])], corner, shape)
    shadow = (square > 0).astype(np.float32)
    shadow = cv2.GaussianBlur(shadow, (0, 0), max(sigma, 0.6))
    canvas.darken(shadow, corner, np.full(3, strength))


def _finger(base, middle, tip, radius):
    """Return a finger's chain: three joints, bent once, thinner to the tip."""
    joints = np.array([base, middle, tip], float)
    knuckle = 0.5 * (joints[1] + joints[2]) + 0.12 * (joints[1] - joints[0])
    joints = np.array([joints[0], joints[1], knuckle, joints[2]])
    return np.column_stack([joints, np.array([1.08, 1.05, 0.97, 0.86]) * radius])


class Hand:
    """A hand that holds a slab: `behind` is drawn before it, `before` after it."""

    def __init__(self, rng, slab, pose):
        low, high = slab.outline.min(0), slab.outline.max(0)
        self.rng, self.pose = rng, pose
        self.side = pick(rng, [-1, 1])
        self.skin = linear(jitter(rng, pick(rng, SKINS), 0.03))
        self.sleeve = linear(jitter(rng, pick(rng, SLEEVES), 0.05)) if chance(rng, 0.5) else None
        half, deep, side = (high[0] - low[0]) / 2, slab.thickness, self.side
        size = rng.uniform(0.85, 1.1)
        self.radius = 8.6 * size
        grip = rng.uniform(0.05, 0.4)
        y0 = low[1] + grip * (high[1] - low[1])
        r = self.radius
        # Fingertips come round one edge from behind, the thumb round the other.
        self.fingers = []
        reach = rng.uniform(-1, 7)
        for k in range(int(rng.integers(3, 5))):
            y = y0 + (k - 1.2) * 2.12 * r + rng.normal(0, 1.2)
            out = side * (half + r * 0.55)
            tip = side * (half - reach - rng.uniform(-2, 3)), y + rng.normal(2, 1.5), deep + r * 0.5
            base, middle = (side * half * 0.1, y - 7, -r), (out, y - 3, deep * 0.35)
            self.fingers.append(_finger(base, middle, tip, r * (0.95 if k in (1, 2) else 0.86)))
        out = -side * (half + r * 0.5)
        thumb_y = y0 + rng.uniform(5, 32)
        tip_x = -side * half * rng.uniform(-0.1, 0.75)
        base, middle = (-side * (half - 4), y0 - 34, -6), (out, thumb_y - 26, deep * 0.7)
        tip = tip_x, thumb_y + rng.uniform(-4, 16), deep + r * 0.8
        self.thumb = _finger(base, middle, tip, r * 1.13)
        away = np.array([-side * rng.uniform(-0.2, 0.9), -1.0, -rng.uniform(0.0, 0.5)])
        palm = np.array([-side * half * 0.3, y0 - 18, -26 - deep * 0.2])
        wrist = palm + away * 78
        elbow = wrist + away * 900
        self.arm = np.array([[*palm, 30 * size], [*wrist, 25 * size], [*elbow, 52 * size]])
        heel = np.array([-side * (half - 2), y0 - 26, -10])
        self.heel = np.array([[*heel, 17 * size], [*wrist, 22 * size]])
        self.cuff = wrist + away * rng.uniform(15, 60)
        self.away = away / np.linalg.norm(away)

    def _world(self, chain):
        return np.column_stack([place(self.pose, chain[:, :3]), chain[:, 3]])

    def draw_behind(self, canvas, camera, light):
        """Draw arm, palm and the roots of the fingers."""
        chains = [self._world(self.arm), self._world(self.heel)]
        chains += [self._world(np.vstack([[*f[0][:2], -16, f[0][3]], f[1]])) for f in self.fingers]
        albedo = self.skin
        if self.sleeve is not None:
            ends = place(self.pose, [self.cuff, self.cuff + 20 * self.away])
            start, further = project(camera, ends)[0]
            along = (further - start) / max(np.linalg.norm(further - start), 1e-6)

            def albedo(corner, shape):
                y, x = np.mgrid[: shape[0], : shape[1]]
                beyond = (x + corner[1] - start[0]) * along[0]
                beyond = beyond + (y + corner[0] - start[1]) * along[1]
                return np.where((beyond > 0)[..., None], self.sleeve, self.skin)

        draw_chains(canvas, camera, light, chains, albedo, self.rng, soften=2.0)

    def draw_before(self, canvas, camera, light):
        """Draw fingertips and thumb over the front."""
        toward = -light.direction * np.array([1, 1, 0.0]) * 5
        for finger in [*self.fingers, self.thumb]:
            chain = self._world(finger)
            _shadow(canvas, camera, chain[1:], toward + [0, 0, -2], 0.4, 2.6)
            nail = None
            if finger is self.thumb:
                back, tip = chain[-2, :3], chain[-1, :3]
                ahead = (tip - back) / max(np.linalg.norm(tip - back), 1e-6)
                out = self.pose.rotation[:, 2] * self.radius * 0.8
                nail = [tip + out + 0.5 * ahead, tip + out + 7.0 * ahead]
            draw_chains(canvas, camera, light, [chain], self.skin, self.rng, nail=nail)


def pointing_finger(canvas, rng, camera, light, target):
    """Draw a hand from beyond the picture's border whose finger rests on `target` (world)."""
    skin = linear(jitter(rng, pick(rng, SKINS), 0.03))
    turn = rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(turn), np.sin(turn), 0.28])
    across = np.array([-away[1], away[0], 0])
    r = rng.uniform(7.5, 9.5)
    tip = np.asarray(target) + [0, 0, r * 0.8]
    finger = _finger(tip + away * 88 + [0, 0, 22], tip + away * 44 + [0, 0, 16], tip, r)
    palm = tip + away * 125 + across * rng.uniform(-12, 12) + [0, 0, 18]
    arm = np.array([[*palm, 33], [*(palm + away * 90), 26], [*(palm + away * 1500), 60]])
    curled = []
    for k in (-2, -1, 1):
        root = palm - away * 22 + across * k * 17
        knuckle, end = root - away * 30 + [0, 0, 6], root - away * 22 + [0, 0, -14]
        curled.append(_finger(root, knuckle, end, r))
    for chain in [arm, finger, *curled]:
        _shadow(canvas, camera, chain, -light.direction * [1, 1, 0] * 14 - [0, 0, 8], 0.35, 7)
    draw_chains(canvas, camera, light, [arm, *curled], skin, rng, soften=2.0)
    ahead = finger[-1, :3] - finger[-2, :3]
    ahead /= np.linalg.norm(ahead)
    top = finger[-1, :3] + [0, 0, r * 0.8]
    nail = [top + ahead * 0.5, top + ahead * 6.5]
    draw_chains(canvas, camera, light, [finger], skin, rng, nail=nail)


def cable(canvas, rng, camera, light, start, end, height):
    """Lay a cable over the scene from `start` to `end` (mm on the plane), `height` mm above it."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    steps = np.linspace(0, 1, 26)[:, None]
    across = np.array([end[1] - start[1], start[0] - end[0]])
    bend = rng.uniform(-0.35, 0.35) * np.sin(np.pi * steps)
    bend = bend + rng.uniform(-0.15, 0.15) * np.sin(2 * np.pi * steps)
    path = start + (end - start) * steps + across * bend
    radius = rng.uniform(1.3, 3.2)
    chain = np.column_stack([path, np.full(len(path), height + radius), np.full(len(path), radius)])
    _shadow(canvas, camera, chain, -light.direction * [1, 1, 0] * radius * 1.4, 0.5, radius * 0.6)
    color = jitter(rng, pick(rng, ["#1d1d20", "#efefec", "#8a8d92", "#b83a34", "#d8c8a8"]), 0.04)
    draw_chains(canvas, camera, light, [chain], linear(color), rng, shine=0.3)
