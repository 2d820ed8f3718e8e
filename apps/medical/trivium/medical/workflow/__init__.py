"""From a study to a signed report: states, versions, locks, signatures. No model and no page is known here."""
