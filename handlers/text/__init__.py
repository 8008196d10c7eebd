"""Every sentence that people read, and nothing else, so that they can be translated: a module for each subject. Plain text."""
