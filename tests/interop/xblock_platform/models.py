"""What the test platform itself keeps: who people are, grades, and exams that were started."""

from django.contrib.auth.models import User
from django.db import models


class Profile(models.Model):
    """Who a user is to the course."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile")
    full_name = models.CharField(max_length=255)
    role = models.CharField(max_length=30)
    external_id = models.CharField(max_length=64, unique=True)


class Grade(models.Model):
    """The grade in the platform's own gradebook; `published` counts how often it was written."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    location = models.CharField(max_length=255)
    earned = models.FloatField(null=True)
    possible = models.FloatField()
    published = models.IntegerField(default=0)

    class Meta:
        """One grade for each person and link."""

        unique_together = (("user", "location"),)


class StartedExam(models.Model):
    """lti-consumer-xblock announced that a tool's LtiStartAssessment was right."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    location = models.CharField(max_length=255)
    attempt_number = models.IntegerField()
