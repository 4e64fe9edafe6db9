"""The pinhole camera, and where a rigid thing stands in front of it."""

from typing import NamedTuple

import numpy as np


class Camera(NamedTuple):
    """`rotation` `[3, 3]` turns world axes into camera axes (x right, y down, z forward)."""

    focal_px: float
    center_px: tuple[float, float]
    rotation: np.ndarray
    position: np.ndarray


class Pose(NamedTuple):
    """Object to world: `rotation @ point + origin`; the object's front looks along its z."""

    rotation: np.ndarray
    origin: np.ndarray


def axis_rotation(axis, degrees):
    """Return the rotation `[3, 3]` by `degrees` about axis 0 (x), 1 (y) or 2 (z)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def look_at(target, distance, tilt, azimuth, roll, focal_px, size):
    """Return the Camera that sees `target` (mm) in the middle of a `size` (h, w) picture.

    `tilt` 0 looks straight down on the plane, 90 along it; all angles in degrees.
    """
    back = axis_rotation(2, azimuth) @ axis_rotation(0, tilt) @ np.array([0.0, 0.0, 1.0])
    right = axis_rotation(2, azimuth) @ np.array([1.0, 0.0, 0.0])
    down = np.cross(-back, right)
    rotation = axis_rotation(2, roll) @ np.stack([right, down, -back])
    center = size[1] / 2, size[0] / 2
    return Camera(focal_px, center, rotation, np.asarray(target) + distance * back)


def project(camera, points):
    """Return pixels (x, y) `[n, 2]` and depths in mm `[n]` of world points `[n, 3]`."""
    local = (np.atleast_2d(points) - camera.position) @ camera.rotation.T
    depth = np.maximum(local[:, 2], 1.0)
    pixels = camera.focal_px * local[:, :2] / depth[:, None] + np.array(camera.center_px)
    return pixels, local[:, 2]


def place(pose, points):
    """Return the world points `[n, 3]` of object points `[n, 3]`."""
    return np.atleast_2d(points) @ pose.rotation.T + pose.origin


def plane_homography(camera, pose=None, z=0.0):
    """Return `[3, 3]` from (x, y) mm on the object's plane at height `z` to pixels."""
    rotation = camera.rotation if pose is None else camera.rotation @ pose.rotation
    origin = (0.0, 0.0, 0.0) if pose is None else pose.origin
    shift = camera.rotation @ (origin - camera.position) + rotation[:, 2] * z
    (x, y), focal = camera.center_px, camera.focal_px
    intrinsic = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])
    return intrinsic @ np.stack([rotation[:, 0], rotation[:, 1], shift], axis=1)
