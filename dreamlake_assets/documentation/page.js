// A separate file, because the page's Content-Security-Policy allows no inline scripts.
SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // Each operation shows its schemas.
  defaultModelsExpandDepth: -1,
  // Nothing is sent to other hosts.
  validatorUrl: null,
});
