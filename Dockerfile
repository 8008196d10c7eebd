# The bot as an image: `docker build -t vtbot .` See docs/deploy.md.
# The versions of the bases are exact. To pin their content too, pass the digest that your registry shows:
# --build-arg PYTHON_IMAGE=python:3.13.16-slim-trixie@sha256:…
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie
ARG NODE_IMAGE=node:24.18.0-trixie-slim

# The page of the trial workspace.
FROM ${NODE_IMAGE} AS page
WORKDIR /src/playground/web/client
COPY playground/web/client/package.json playground/web/client/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY playground/web/client ./
RUN npm run build -- --logLevel warn

# The dependencies from the hashed lock, and the wheel with the page in it, in an environment without pip.
FROM ${PYTHON_IMAGE} AS environment
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY lock/run.txt lock/run.txt
RUN python3 -m venv /opt/vtbot && /opt/vtbot/bin/pip install --require-hashes -r lock/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY vt vt
COPY handlers handlers
COPY bot bot
COPY playground playground
COPY --from=page /src/playground/web/built playground/web/built
RUN /opt/vtbot/bin/pip wheel --no-deps --no-build-isolation -w dist . \
 && /opt/vtbot/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/vtbot/bin/pip uninstall -y setuptools pip

FROM ${PYTHON_IMAGE}
# PostgreSQL, which the bot starts by itself without DATABASE_URL, asks for the name of its user.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/vtbot --shell /usr/sbin/nologin vtbot \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/vtbot
COPY --from=environment /opt/vtbot /opt/vtbot
ENV PATH=/opt/vtbot/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 PORT=3000 STATE_DIR=/var/lib/vtbot
# The only place that is written to, besides /tmp: the rest of the image may be read-only.
VOLUME ["/var/lib/vtbot"]
WORKDIR /var/lib/vtbot
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["vtbot"]
CMD ["run"]
