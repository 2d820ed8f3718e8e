"""An app for the platform's tests, found through an entry point as any other; on the path of test processes only."""
