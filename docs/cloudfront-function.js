// CloudFront Function: event type viewer request, runtime cloudfront-js-2.0.
//
// An S3 bucket behind CloudFront has objects, not directories. This answers
// /docs/ with the object docs/index.html, and sends /docs to /docs/, so that
// the relative links of the page work.
function handler(event) {
  var request = event.request;
  var uri = request.uri;

  if (uri.endsWith('/')) {
    request.uri = uri + 'index.html';
    return request;
  }
  // A name with a dot is a file, and so is everything below /.well-known/.
  if (uri.slice(uri.lastIndexOf('/')).includes('.') || uri.startsWith('/.well-known/')) {
    return request;
  }
  // Browsers take // and /\ at the start for another host: never send them there.
  var location = uri.replace(/^[\/\\]+/, '/') + '/';
  var query = request.rawQueryString();
  if (query) {
    location += '?' + query;
  }
  return {
    statusCode: 302,
    statusDescription: 'Found',
    headers: { location: { value: location } },
  };
}
