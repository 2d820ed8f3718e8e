"""A report on its way out: text, PDF, FHIR. What nobody has signed is marked as a draft in all of them."""
