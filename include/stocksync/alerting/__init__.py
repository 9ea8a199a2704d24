"""Telling people: from the topic to Slack and PagerDuty, and closing what is over."""
