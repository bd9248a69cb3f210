// Shows the description of the REST interface, without any foreign host.
const place = document.getElementById("docs");
window.SwaggerUIBundle({ url: place.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });
