"""What stands beside the recorded levels: runs, files of the cards, remarks, calibrations, limits, seals."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    _create_runs()
    _create_card_files()
    _create_remarks()
    _create_calibrations()
    _create_limits()
    _create_seals()


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("store_name", sa.String(8)),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("is_start_exact", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("is_end_exact", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("how", sa.String(16)),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("settings", sa.JSON()),
        sa.Column("card", sa.String(12), nullable=False, server_default="none"),
        sa.Column("card_note", sa.Text()),
        sa.Column("card_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_unit_id_started_at", "runs", ["unit_id", "started_at"])
    still_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_runs_open", "runs", ["unit_id"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )


def _create_card_files() -> None:
    op.create_table(
        "card_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("store_name", sa.String(8)),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("remote_path", sa.Text(), nullable=False),
        sa.Column("local_path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.Column("is_growing", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("merged_rows", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime()),
        sa.Column("last_at", sa.DateTime()),
        sa.Column("clock_offset_s", sa.Double()),
        sa.Column("differences", sa.JSON()),
        sa.Column("troubles", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_card_files"),
        sa.UniqueConstraint("unit_id", "remote_path", "sha256", name="uq_card_files_unit_id_remote_path_sha256"),
    )


def _create_remarks() -> None:
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("starts_at", sa.DateTime(), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("excludes", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("calibration_id", sa.Integer()),
        sa.Column("withdrawn_by", sa.String(128)),
        sa.Column("withdrawn_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_remarks"),
    )
    op.create_index("ix_remarks_unit_id_starts_at", "remarks", ["unit_id", "starts_at"])


def _create_calibrations() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("calibrator", sa.String(128)),
        sa.Column("serial_number", sa.String(64)),
        sa.Column("nominal_db", sa.Double(), nullable=False),
        sa.Column("measured_db", sa.Double(), nullable=False),
        sa.Column("adjusted_db", sa.Double()),
        sa.Column("note", sa.Text()),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibrations"),
    )
    op.create_index("ix_calibrations_unit_id_at", "calibrations", ["unit_id", "at"])


def _create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("template", sa.String(64)),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_limits"),
        sa.UniqueConstraint("unit_id", "name", name="uq_limits_unit_id_name"),
    )
    op.create_index("ix_limits_unit_id", "limits", ["unit_id"])
    with op.batch_alter_table("alert_rules") as table:
        table.add_column(sa.Column("limit_id", sa.Integer()))
        table.add_column(sa.Column("limit_warns", sa.Boolean(), nullable=False, server_default=sa.text("false")))


def _create_seals() -> None:
    op.create_table(
        "seals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("blocks_sha256", sa.String(64), nullable=False, server_default=""),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.Column("blocks", sa.LargeBinary()),  # last: SQLite reads through it to get at what follows
        sa.PrimaryKeyConstraint("id", name="pk_seals"),
        sa.UniqueConstraint("link", name="uq_seals_link"),
    )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("alert_rules") as table:
        table.drop_column("limit_warns")
        table.drop_column("limit_id")
    for table in ("seals", "limits", "calibrations", "remarks", "card_files", "runs"):
        op.drop_table(table)
