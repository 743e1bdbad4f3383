"""The first tables: attestations with their files, and the transparency log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attestations",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("issuer_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leaf_count", sa.BigInteger(), nullable=False),
        sa.Column("root_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("root_sum", sa.LargeBinary(length=48), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revocation_log_index", sa.BigInteger(), nullable=True),
        sa.Column("revocation_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attestations")),
        sa.UniqueConstraint("digest", name=op.f("uq_attestations_digest")),
        sa.UniqueConstraint("log_index", name=op.f("uq_attestations_log_index")),
    )
    op.create_index(op.f("ix_attestations_book_digest"), "attestations", ["book_digest"], unique=False)
    op.create_table(
        "log_checkpoints",
        sa.Column("size", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoints")),
    )
    op.create_table(
        "log_entries",
        sa.Column("entry_index", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("attestation_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_index", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("leaf_hash", name=op.f("uq_log_entries_leaf_hash")),
    )
    op.create_index(
        op.f("ix_log_entries_attestation_sha256"), "log_entries", ["attestation_sha256"], unique=False
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("log_key", sa.String(length=1024), nullable=False),
        sa.Column("size", BIG_KEY, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_nodes",
        sa.Column("number", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_log_nodes")),
    )
    op.create_table(
        "attestation_files",
        sa.Column("attestation_id", BIG_KEY, nullable=False),
        sa.Column("name", sa.String(length=201), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["attestation_id"],
            ["attestations.id"],
            name=op.f("fk_attestation_files_attestation_id_attestations"),
        ),
        sa.PrimaryKeyConstraint("attestation_id", "name", name=op.f("pk_attestation_files")),
    )
    op.create_table(
        "log_cosignatures",
        sa.Column("size", BIG_KEY, nullable=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=4), nullable=False),
        sa.Column("timestamp", BIG_KEY, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["size"], ["log_checkpoints.size"], name=op.f("fk_log_cosignatures_size_log_checkpoints")
        ),
        sa.PrimaryKeyConstraint("size", "witness", "key_id", name=op.f("pk_log_cosignatures")),
    )


def downgrade() -> None:
    """Remove them, with everything in them."""
    for table in (
        "log_cosignatures",
        "attestation_files",
        "log_nodes",
        "log_head",
        "log_entries",
        "log_checkpoints",
        "attestations",
    ):
        op.drop_table(table)
