"""Names of the standard library and of well-known others that have no place in a body, by rule.

`()` stands for what a call gives: `pathlib.Path().` are the methods of a path.
"""

import re

CLOCK = {
    *(f"time.{n}{ns}" for n in ("time", "monotonic", "perf_counter") for ns in ("", "_ns")),
    *("time.process_time", "time.process_time_ns", "time.thread_time", "time.clock_gettime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "pendulum.now", "pendulum.today", "arrow.now", "arrow.utcnow"),
    *("django.utils.timezone.now", "pandas.Timestamp.now", "whenever.Instant.now"),
}
CLOCK_WITHOUT_ARGUMENT = {"time.localtime", "time.gmtime", "time.ctime", "time.asctime"}
RANDOMNESS = {"random.Random", "random.SystemRandom", "os.urandom", "os.getrandom"}
RANDOMNESS_BELOW = ("random.", "secrets.token_", "secrets.rand", "numpy.random.")
RANDOMNESS |= {"secrets.choice", "secrets.SystemRandom"}
IDENTIFIERS = {
    *(f"uuid.uuid{n}" for n in (1, 4, 6, 7)),
    *("ulid.ULID", "ulid.new", "nanoid.generate", "shortuuid.uuid", "bson.ObjectId"),
}
ENVIRONMENT = {"os.environ", "os.environb"}
ENVIRONMENT_CALLS = {"os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"}
THREADS = {
    *("threading.Thread", "threading.Timer", "_thread.start_new_thread", "asyncio.to_thread"),
    *("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"),
    *("concurrent.futures.thread.ThreadPoolExecutor", "multiprocessing.Process"),
    *("multiprocessing.Pool", "multiprocessing.Manager", "multiprocessing.Queue"),
    *("asyncio.run", "asyncio.new_event_loop", "asyncio.run_coroutine_threadsafe", "os.fork"),
    *("anyio.run", "anyio.to_thread.run_sync", "anyio.from_thread.run", "signal.signal"),
    *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "os.system"),
    *("os.popen", "os.execv", "os.spawnv"),
}
THREADS_BELOW = ("subprocess.",)
OUTPUT = {"builtins.print", "sys.stdout.write", "sys.stderr.write", "rich.print", "pprint.pprint"}
OUTPUT_BELOW = ("structlog.", "loguru.logger.", "logging.")
OUTPUT_METHODS = {
    *("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"),
}

HTTP_CLIENTS = {
    *("httpx.Client", "httpx.AsyncClient", "requests.Session", "requests.session"),
    *("aiohttp.ClientSession", "urllib3.PoolManager", "http.client.HTTPSConnection"),
    "http.client.HTTPConnection",
}
HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
HTTP_CALLS = {
    *(f"{library}.{method}" for library in ("requests", "httpx") for method in HTTP_METHODS),
    *("urllib.request.urlopen", "urllib.request.urlretrieve", "urllib3.request"),
    "aiohttp.request",
}
HTTP_BELOW = tuple(f"{client}()." for client in sorted(HTTP_CLIENTS))
SQL_CONNECTS = {
    *("sqlite3.connect", "psycopg.connect", "psycopg.Connection.connect", "psycopg2.connect"),
    *("psycopg.AsyncConnection.connect", "asyncpg.connect", "asyncpg.create_pool"),
    *("aiosqlite.connect", "pymysql.connect", "oracledb.connect", "pyodbc.connect"),
    *("sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine"),
    *("sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession"),
    *("psycopg_pool.ConnectionPool", "psycopg_pool.AsyncConnectionPool"),
}
SQL_SESSIONS = (
    *("sqlalchemy.orm.Session().", "sqlalchemy.ext.asyncio.AsyncSession()."),
    *("sqlalchemy.orm.sessionmaker()()", "sqlalchemy.ext.asyncio.async_sessionmaker()()"),
)
SQL_BELOW = (
    *(f"{connect}()." for connect in sorted(SQL_CONNECTS)),
    *SQL_SESSIONS,
)
MAIL = {"smtplib.SMTP", "smtplib.SMTP_SSL", "aiosmtplib.send", "aiosmtplib.SMTP"}
FILE_CALLS = {
    *("builtins.open", "io.open", "codecs.open", "aiofiles.open", "anyio.open_file"),
    *("os.open", "os.read", "os.write", "os.listdir", "os.scandir", "os.walk", "os.stat"),
    *("os.remove", "os.unlink", "os.rename", "os.replace", "os.mkdir", "os.makedirs", "os.rmdir"),
    *("os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.getsize"),
    *("os.path.getmtime", "glob.glob", "glob.iglob", "pathlib.Path.cwd", "pathlib.Path.home"),
    *("os.getcwd", "os.chdir", "os.getpid", "os.getlogin", "platform.node"),
}
FILE_BELOW = ("shutil.", "tempfile.", "fileinput.")
PATHS = re.compile(
    r"(pathlib|anyio)\.Path(\.cwd|\.home)?\(\)"
    r"(\.parent|\.(joinpath|with_\w+|relative_to|expanduser|resolve|absolute)\(\))*"
)
PATH_READS = {
    *("read_text", "read_bytes", "exists", "is_file", "is_dir", "is_symlink", "iterdir", "glob"),
    *("rglob", "stat", "lstat", "resolve", "absolute", "expanduser", "open", "walk"),
}
PATH_WRITES = {
    *("write_text", "write_bytes", "mkdir", "unlink", "rename", "replace", "rmdir", "touch"),
    *("symlink_to", "hardlink_to", "chmod"),
}
OTHER_CALLS = {
    *("builtins.input", "asyncio.open_connection", "asyncio.start_server"),
    *("asyncio.open_unix_connection", "asyncio.start_unix_server", "sys.stdin.read"),
    *("sys.stdin.readline", "getpass.getpass", "ftplib.FTP", "redis.Redis", "redis.asyncio.Redis"),
    *("pymongo.MongoClient", "socket.socket", "socket.create_connection", "socket.getaddrinfo"),
    *("socket.gethostname", "socket.gethostbyname", "socket.getfqdn", "imaplib.IMAP4_SSL"),
    *("grpc.insecure_channel", "grpc.secure_channel", "grpc.aio.insecure_channel"),
}
OTHER_BELOW = (
    *("socket.socket().", "smtplib.SMTP().", "smtplib.SMTP_SSL().", "ftplib.FTP().", "boto3."),
    *("redis.Redis().", "redis.asyncio.Redis().", "redis.from_url", "pymongo.MongoClient()."),
)
INPUT_OUTPUT = HTTP_CLIENTS | HTTP_CALLS | SQL_CONNECTS | MAIL | FILE_CALLS | OTHER_CALLS
INPUT_OUTPUT_BELOW = HTTP_BELOW + SQL_BELOW + FILE_BELOW + OTHER_BELOW
ENGINES = {"perdure.open_engine", "perdure.connect", "perdure.blocking.connect"}
ENGINES_BELOW = (
    *(f"{each}()." for each in sorted(ENGINES)),
    *("perdure.WorkflowEngine().", "perdure.Client().", "perdure.Handle()."),
)


def below(path: str, prefixes: tuple[str, ...]) -> bool:
    """Whether it is a function or method of one of these; classes, with a capital, are data."""
    return path.startswith(prefixes) and path.rpartition(".")[2][:1].islower()


def over_http(path: str) -> bool:
    """Whether it is a call or method of a library for HTTP."""
    return path in HTTP_CALLS or below(path, HTTP_BELOW)


def path_method(path: str) -> str:
    """`write_text` for that method of a path object, or of a path that is made from one."""
    owner, _, name = path.rpartition(".")
    return name if PATHS.fullmatch(owner) else ""
