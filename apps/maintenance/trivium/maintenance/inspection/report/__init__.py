"""What an inspection is handed over as: pictures, a page, a print, clouds, numbers. All say the same."""
