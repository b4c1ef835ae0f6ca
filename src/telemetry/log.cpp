#include "telemetry/log.hpp"

#include <array>

#include "core/time_text.hpp"

namespace baton::telemetry {
namespace {

constexpr std::array<std::string_view, 3> levels{"info", "warning", "error"};

/// As a JSON string. What is not printable ASCII, UTF-8 apart, is escaped, so that no text of a job can forge a line.
std::string json_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte >> 4U];
      out += digits[byte & 0xFU];
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '\\' || c == '=' || c == 0x7f) return false;
  return true;
}

}  // namespace

void Log::line(Level level, std::string_view event, const std::vector<Field>& fields) {
  const auto time = core::to_text(options_.clock());
  const auto name = levels.at(static_cast<std::size_t>(level));
  std::string text;
  if (options_.json) {
    text = R"({"time":")" + time + R"(","level":")" + std::string(name) + R"(","event":)" + json_text(event) + R"(,"replica":)" +
           json_text(options_.replica);
    for (const auto& [field, value] : fields) text += ',' + json_text(field) + ':' + json_text(value);
    text += "}\n";
  } else {
    text = time + ' ' + std::string(name) + ' ' + std::string(event);
    for (const auto& [field, value] : fields)
      text += ' ' + std::string(field) + '=' + (is_plain(value) ? value : json_text(value));
    text += " replica=" + options_.replica + '\n';
  }
  options_.out(text);
}

void Log::error(Level level, std::string_view event, const Error& error, std::vector<Field> fields) {
  fields.insert(fields.end(), {{"code", error.code}, {"what", error.what}});
  if (!error.where.empty()) fields.emplace_back("where", error.where);
  line(level, event, fields);
}

}  // namespace baton::telemetry
