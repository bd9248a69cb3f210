"""What gunicorn serves: ``gunicorn wsgi:app``. gunicorn.conf.py starts and stops the runtime."""

import gc

gc.disable()  # what is made while everything is imported stays; looking for garbage in it takes half a second

from slmm.app import create_app  # noqa: E402 - after that

app = create_app()
gc.enable()
