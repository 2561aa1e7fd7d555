// In a file of its own: the page's Content-Security-Policy allows no script within HTML.
SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // The schemas stand at each operation.
  defaultModelsExpandDepth: -1,
  // Nothing is sent to anybody else.
  validatorUrl: null,
});
