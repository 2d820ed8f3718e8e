"""PDFs in English and Chinese: fonts of the machine, texts in runs of one font each. Needs reportlab and fontTools."""
