/// Server-sent events, read from a stream of bytes (WHATWG HTML, "Server-sent events"). No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace baton::client {

struct StreamEvent {
  std::string name;  ///< `message` where the stream gives none
  std::string data;
  bool operator==(const StreamEvent&) const = default;
};

class EventStream {
 public:
  /// An event is at most as long as this; a longer one ends the stream.
  explicit EventStream(std::size_t bytes_max = std::size_t{64} << 20U) : bytes_max_(bytes_max) {}

  /// Bytes as they come, cut anywhere. Gives the events that are complete now. Errors: server.bad_answer.
  [[nodiscard]] Result<std::vector<StreamEvent>> take(std::string_view bytes);
  /// The stream was broken off: half an event is forgotten, the last id is kept.
  void broken();
  /// What to send as Last-Event-ID: the id of the newest event that is complete. Empty: there was none.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }

 private:
  void line(std::string_view text, std::vector<StreamEvent>& events);

  std::size_t bytes_max_;
  std::string rest_;  ///< of a line without its end
  bool after_return_ = false;
  std::string name_, data_, id_, last_id_;
  bool has_data_ = false;
};

}  // namespace baton::client
