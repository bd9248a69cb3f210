"""What gunicorn serves: ``gunicorn wsgi:app``. gunicorn.conf.py starts and stops the runtime."""

from slmm.app import create_app

app = create_app()
