"""The package's own addresses under /api/, as in Open edX, and the desk of the test platform."""

from django.urls import include, path

from tests.interop.xblock_platform import desk

urlpatterns = [
    path("", desk.about),
    path("desk/about", desk.facts),
    path("desk/sign-in", desk.sign_in),
    path("desk/launch/<slug:name>", desk.launch),
    path("desk/state", desk.state),
    path("desk/reset", desk.reset),
    path("desk/rotate-key/<slug:passport>", desk.rotate_key),
    path("api/", include("lti_consumer.plugin.urls", namespace="lti_consumer")),
]
