"""A report on its way out: text, PDF, FHIR, HL7, DICOM SR. What nobody has signed is marked as a draft in all."""
