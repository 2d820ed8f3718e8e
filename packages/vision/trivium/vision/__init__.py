"""Images to tokens and findings: encoders, heads, evidence maps, question answering."""
