/// Redis' protocol (RESP2) without a socket: words to bytes, bytes to replies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace baton::redis {

struct Reply {
  enum class Kind : std::uint8_t { nil, integer, text, error, array };
  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;  ///< of `text` (strings and statuses alike) and of `error`: `NOSCRIPT No matching script…`
  std::vector<Reply> items;
  bool operator==(const Reply&) const = default;
};

/// A command as it goes out. Words may hold any bytes.
[[nodiscard]] std::string encode(const std::vector<std::string>& words);

/// Cuts what has come in into replies. At most one reply of `bytes_max` is held.
class Replies {
 public:
  explicit Replies(std::size_t bytes_max = std::size_t{16} << 20);
  ~Replies();
  void add(std::string_view bytes);
  /// None: more bytes are needed. Errors: redis.protocol (not Redis, or a reply too long; the line is of no use any more).
  Result<std::optional<Reply>> next();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace baton::redis
