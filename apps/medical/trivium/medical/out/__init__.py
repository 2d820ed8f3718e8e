"""A report on its way out: text, PDF, FHIR, HL7. What nobody has signed is marked as a draft in all of them."""
