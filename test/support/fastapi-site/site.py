"""The server of FastAPI's tutorial (security/oauth2-scopes) with a look-up of users. Prints its port."""
import hashlib
import os
import secrets
import socket
from datetime import datetime, timedelta

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.security import OAuth2PasswordRequestForm
from jose import jwt

SECRET_KEY = os.environ["SECRET_KEY"]
INTERNAL_KEY = os.environ["INTERNAL_KEY"]
ALGORITHM = "HS256"
ACCESS_TOKEN_EXPIRE_MINUTES = 30

app = FastAPI()


def hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def account(username: str) -> dict:
    salt = secrets.token_bytes(16)
    password = hashed(os.environ["PASSWORD"], salt)
    return {"username": username, "disabled": False, "salt": salt, "password": password}


users_db = {name: account(name) for name in ("johndoe", "alice")}


@app.post("/token")
async def login_for_access_token(form_data: OAuth2PasswordRequestForm = Depends()):
    user = users_db.get(form_data.username)
    if user is None or not secrets.compare_digest(hashed(form_data.password, user["salt"]), user["password"]):
        raise HTTPException(status_code=400, detail="Incorrect username or password")
    expire = datetime.utcnow() + timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES)
    claims = {"sub": user["username"], "scopes": form_data.scopes, "exp": expire}
    return {"access_token": jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM), "token_type": "bearer"}


def internal(x_internal: str = Header("")):
    if not secrets.compare_digest(x_internal, INTERNAL_KEY):
        raise HTTPException(status_code=403)


@app.get("/users/{username}", dependencies=[Depends(internal)])
async def read_user(username: str):
    if username not in users_db:
        raise HTTPException(status_code=404)
    return {name: users_db[username][name] for name in ("username", "disabled")}


@app.post("/users/{username}/disable", dependencies=[Depends(internal)])
async def disable_user(username: str):
    users_db[username]["disabled"] = True


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
server.run(sockets=[listener])
