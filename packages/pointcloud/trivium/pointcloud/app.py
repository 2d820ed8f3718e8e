"""How pointcloud presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="pointcloud",
    help="Points to boxes, tokens and deviations: readers, geometry, detector, simulator, evaluation.",
    package="trivium.pointcloud",
    extra="pointcloud",
    needs=("torch", "open3d"),
    cli="trivium.pointcloud.cli:app",
)
