#include "client/event_stream.hpp"

#include <utility>

namespace baton::client {

Result<std::vector<StreamEvent>> EventStream::take(std::string_view bytes) {
  std::vector<StreamEvent> events;
  while (!bytes.empty()) {
    if (std::exchange(after_return_, false) && bytes.front() == '\n') {  // "\r\n" is one end of a line, also cut in two
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    rest_ += bytes.substr(0, end);
    if (rest_.size() + data_.size() > bytes_max_)
      return fail({.code = "server.bad_answer", .what = "an event of the server is too long", .where = {}, .way_out = {}});
    if (end == std::string_view::npos) break;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    line(std::exchange(rest_, {}), events);
  }
  return events;
}

void EventStream::line(std::string_view text, std::vector<StreamEvent>& events) {
  if (text.empty()) {
    last_id_ = id_;
    if (has_data_) events.push_back({.name = name_.empty() ? "message" : name_, .data = data_});
    name_.clear();
    data_.clear();
    has_data_ = false;
    return;
  }
  const auto colon = text.find(':');
  if (colon == 0) return;  // a comment: the server lives
  const auto field = text.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") name_ = value;
  if (field == "id" && value.find('\0') == std::string_view::npos) id_ = value;
  if (field != "data") return;
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
}

void EventStream::broken() {
  rest_.clear();
  name_.clear();
  data_.clear();
  id_ = last_id_;
  has_data_ = after_return_ = false;
}

}  // namespace baton::client
