#include "api/http.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace baton::api {
namespace {

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned byte = 0;
      const auto* digits = text.data() + i + 1;
      if (text.size() - i < 3) return std::nullopt;
      const auto [end, wrong] = std::from_chars(digits, digits + 2, byte, 16);
      if (wrong != std::errc() || end != digits + 2 || byte == 0) return std::nullopt;
      out += static_cast<char>(byte);
      i += 2;
    }
  }
  return out;
}

tl::unexpected<Error> bad_target(const std::string& what) {
  return fail({.code = "api.invalid", .what = what, .where = "the request's target", .way_out = {}});
}

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

}  // namespace

Result<Call> call_of(std::string method, const std::string& target) {
  Call call{.method = std::move(method)};
  std::string_view rest = target;
  if (!rest.starts_with('/')) return bad_target("the target does not begin with '/'");
  auto path = take_until(rest, '?').substr(1);
  for (bool more = true; more;) {
    more = path.find('/') != std::string_view::npos;
    auto segment = decoded(take_until(path, '/'), false);
    if (!segment) return bad_target("the path holds a '%' that is no character");
    call.path.push_back(std::move(*segment));
  }
  rest = take_until(rest, '#');
  while (!rest.empty()) {
    auto value = take_until(rest, '&');
    if (value.empty()) continue;
    auto name = decoded(take_until(value, '='), true);
    auto text = decoded(value, true);
    if (!name || !text) return bad_target("the query holds a '%' that is no character");
    if (!call.query.emplace(std::move(*name), std::move(*text)).second) return bad_target("the query names a value twice");
  }
  return call;
}

}  // namespace baton::api
