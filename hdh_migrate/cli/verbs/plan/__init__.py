"""One file a verb of this group; what each does: `hdh_migrate.cli.verbs`."""
