"""What a CI shows: annotations, Markdown, properties in JUnit files."""
