"""Requests and responses as marshmallow schemas, and the OpenAPI document made from them."""
