"""From predictions to what a person is told: when an alert is raised, what it says, and what people do with it."""
