"""A small real Django: sign-in with sessions, and tokens of simplejwt. Prints its port."""
import json
import os
import secrets
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

place = os.environ["PLACE"]
internal = os.environ["INTERNAL_KEY"]
token_keys = {"ALGORITHM": "HS256"}
if "RSA_PRIVATE" in os.environ:
    private, public = os.environ["RSA_PRIVATE"], os.environ["RSA_PUBLIC"]
    token_keys = {"ALGORITHM": "RS256", "SIGNING_KEY": private, "VERIFYING_KEY": public}

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="__main__",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{place}/db.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        "rest_framework_simplejwt.token_blacklist",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    SESSION_ENGINE=f"django.contrib.sessions.backends.{os.environ['SESSIONS']}",
    SIMPLE_JWT=token_keys,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402


def sign_in(request):
    user = authenticate(**json.loads(request.body))
    if user is None:
        return HttpResponse(status=401)
    login(request, user)
    return HttpResponse(status=204)


def sign_out(request):
    logout(request)
    return HttpResponse(status=204)


def change_password(request):
    request.user.set_password(json.loads(request.body)["password"])
    request.user.save()
    return HttpResponse(status=204)


def blacklist(request):
    token = AccessToken(json.loads(request.body)["token"])
    known = OutstandingToken.objects.create(jti=token["jti"], token=str(token), expires_at=timezone.now())
    BlacklistedToken.objects.create(token=known)
    return HttpResponse(status=204)


def cached(request, key):
    """A session of the cache, unpacked by the one who packed it."""
    if not secrets.compare_digest(request.headers.get("X-Internal", ""), internal):
        return HttpResponse(status=403)
    store = type(request.session)(key)
    return JsonResponse(store.load())


urlpatterns = [
    path("sign-in", sign_in),
    path("sign-out", sign_out),
    path("password", change_password),
    path("token", TokenObtainPairView.as_view()),
    path("blacklist", blacklist),
    path("cached/<str:key>", cached),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


call_command("migrate", verbosity=0)
get_user_model().objects.create_user("ada", password=os.environ["PASSWORD"])
server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
