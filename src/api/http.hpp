/// A request and its answer as data, so that handlers know nothing of sockets.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ports/runtime.hpp"

namespace baton::api {

/// What a client asks.
struct Call {
  std::string method;                        ///< `GET`
  std::vector<std::string> path;             ///< segments, decoded
  std::map<std::string, std::string> query;  ///< decoded
  std::map<std::string, std::string> names;  ///< what of the path stands for the `{…}` of its route
  std::string host;                          ///< the header, for URLs in answers; may be empty
  std::string content_type;
  std::string last_event_id;
  std::string body;
};

/// An answer that goes on: text, piece by piece.
class Stream {
 public:
  virtual ~Stream() = default;
  /// The next piece; waits for it, though never for long (a comment line then). Null: it has ended.
  virtual awaitable<std::shared_ptr<const std::string>> next() = 0;
  /// Whoever reads is gone, or has to go: `next` gives null from now on.
  virtual void close() = 0;
};

struct Answer {
  unsigned status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<Stream> stream;  ///< instead of a body
};

/// Splits `/v2/a%20b?x=1` into `path` and `query`. Errors: api.invalid (not a path, a bad `%`, a name twice).
[[nodiscard]] Result<Call> call_of(std::string method, const std::string& target);

}  // namespace baton::api
