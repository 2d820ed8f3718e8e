"""Films that come when a report is over; those that came before this migration are counted from the signatures."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "medical_0008"
down_revision = "medical_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, add the column, and fill it."""
    op.create_table(
        "medical_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("num_films", sa.Integer(), nullable=False),
        sa.Column("looked_by", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_look_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_medical_look"),
    )
    op.create_index("ix_medical_look_study_id", "medical_look", ["study_id"])
    op.add_column("medical_study", sa.Column("late_films", sa.Integer(), server_default="0", nullable=False))
    _fill(op.get_bind())


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("medical_study") as table:
        table.drop_column("late_films")
    op.drop_table("medical_look")


def _fill(connection: sa.Connection) -> None:
    """Count for each report that stands the films beyond those that its last signature binds."""
    signature = sa.table("medical_signature", sa.column("study_id"), sa.column("images", sa.JSON))
    newest = signature.select().order_by(sa.column("study_id"), sa.column("version_number"))
    bound = {row.study_id: len(row.images) for row in connection.execute(newest)}
    study = sa.table(
        "medical_study",
        sa.column("id"),
        sa.column("state"),
        sa.column("late_films"),
        sa.column("is_closed", sa.Boolean),
    )
    image = sa.table("medical_image", sa.column("study_id"))
    count = sa.func.count().label("films")
    stands = study.c.state.in_(("signed", "amending", "amended"))
    held = sa.select(study.c.id, count).join(image, image.c.study_id == study.c.id).where(stands).group_by(study.c.id)
    for row in connection.execute(held).all():
        if (late := row.films - bound.get(row.id, row.films)) > 0:
            connection.execute(study.update().where(study.c.id == row.id).values(late_films=late, is_closed=False))
