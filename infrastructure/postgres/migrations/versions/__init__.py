"""One file a version, in their order by `down_revision`."""
