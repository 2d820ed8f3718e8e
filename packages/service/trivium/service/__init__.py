"""What every app shares and no model needs: settings, jobs, store, errors, evidence, web shell, command line.

Importing this package imports nothing else: a bare GPU machine uses `trivium.service.errors` and
`trivium.service.evidence` with the standard library alone.
"""
