# SLMM as an image: docker build -t slmm . ; deploy/compose.yaml puts Caddy before it.
# Python is the version the tests run on. Every wheel is checked against requirements.lock; nothing is compiled.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /build/
RUN python -m venv /opt/slmm/.venv
RUN /opt/slmm/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r /build/requirements.lock
RUN /opt/slmm/.venv/bin/python -m pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim-bookworm
COPY --from=packages /opt/slmm/.venv /opt/slmm/.venv
COPY wsgi.py gunicorn.conf.py LICENSE /opt/slmm/
COPY migrations /opt/slmm/migrations
COPY static /opt/slmm/static
COPY templates /opt/slmm/templates
COPY slmm /opt/slmm/slmm
RUN /opt/slmm/.venv/bin/python -m compileall -q /opt/slmm/slmm /opt/slmm/migrations
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin slmm && install -d -o slmm -g slmm -m 0700 /data

USER slmm
WORKDIR /opt/slmm
ENV PATH=/opt/slmm/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SLMM_HOST=0.0.0.0 \
    SLMM_PORT=8100 \
    SLMM_DATA_DIR=/data
VOLUME /data
EXPOSE 8100
STOPSIGNAL SIGTERM
# Whether the process answers: an orchestrator restarts what is unhealthy, and a full disk is not cured by that.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"SLMM_PORT\"]}/healthz', timeout=4)"]
# "serve" becomes gunicorn by exec, so that SIGTERM reaches it: docker run … slmm doctor works as well.
ENTRYPOINT ["python", "-m", "slmm"]
CMD ["serve"]
