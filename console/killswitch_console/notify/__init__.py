"""Telling people who are not at the console: pager, chat, mail, webhook. Never delays a halt, holds no secret."""
