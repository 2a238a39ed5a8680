"""Connections and sessions as callers have them, by each library, in a transaction."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.engine.places import OnDisk, OnServer

Opened = AbstractAsyncContextManager[Any]


@asynccontextmanager
async def psycopg_sync(place: OnServer) -> AsyncIterator[Any]:
    with psycopg.connect(place.database) as connection:
        yield connection


@asynccontextmanager
async def psycopg_async(place: OnServer) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(place.database) as connection:
        yield connection


@asynccontextmanager
async def sqlalchemy_connection(place: OnServer | OnDisk) -> AsyncIterator[Any]:
    engine = create_engine(driver_url(place))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@asynccontextmanager
async def sqlalchemy_session(place: OnServer | OnDisk) -> AsyncIterator[Any]:
    engine = create_engine(driver_url(place))
    try:
        with Session(engine) as session, session.begin():
            yield session
    finally:
        engine.dispose()


@asynccontextmanager
async def sqlalchemy_async(place: OnServer) -> AsyncIterator[Any]:
    engine = create_async_engine(driver_url(place))
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def sqlalchemy_async_session(place: OnServer) -> AsyncIterator[Any]:
    engine = create_async_engine(driver_url(place))
    try:
        async with AsyncSession(engine) as session, session.begin():
            yield session
    finally:
        await engine.dispose()


@asynccontextmanager
async def sqlite(place: OnDisk) -> AsyncIterator[Any]:
    connection = sqlite3.connect(place.path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


ON_SERVER = (
    psycopg_sync,
    psycopg_async,
    sqlalchemy_connection,
    sqlalchemy_session,
    sqlalchemy_async,
    sqlalchemy_async_session,
)
ON_DISK = (sqlite, sqlalchemy_connection, sqlalchemy_session)


def driver_url(place: OnServer | OnDisk) -> str:
    if isinstance(place, OnDisk):
        return f"sqlite:///{place.path}"
    return place.database.replace("postgresql://", "postgresql+psycopg://")
