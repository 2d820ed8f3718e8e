"""Stage 5: claims and sentences to HTML, XLSX, DOCX, PDF and JSON, with the same numbers in all."""
