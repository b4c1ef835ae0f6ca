#include "api/body.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "formats/nearest.hpp"
#include "wire/views.hpp"

namespace baton::api {
namespace {

Error invalid(const std::string& where, const std::string& what, const std::string& way_out = {}) {
  return {.code = "api.invalid", .what = what, .where = where, .way_out = way_out};
}

bool is_json(std::string type) {
  type = type.substr(0, type.find(';'));
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  while (type.ends_with(' ')) type.pop_back();
  return type == "application/json";
}

}  // namespace

std::optional<std::string> uuid_from(std::string text) {
  if (text.size() != 36) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : std::isxdigit(c) == 0) return std::nullopt;
    text[i] = static_cast<char>(std::tolower(c));
  }
  return text;
}

Body::Body(const Call& call) {
  if (!is_json(call.content_type)) {
    error_ = Error{.code = "api.content_type",
                   .what = "the body is not said to be JSON",
                   .where = "Content-Type: " + call.content_type,
                   .way_out = "send it with 'Content-Type: application/json'"};
    return;
  }
  auto parsed = wire::parse(call.body);
  if (!parsed) {
    error_ = parsed.error();
  } else if (!parsed->is_object()) {
    error_ = invalid("", "the body is not an object");
  } else {
    json_ = std::move(*parsed);
  }
}

void Body::complain(const char* member, const std::string& what) {
  if (!error_) error_ = invalid(member, "'" + std::string(member) + "' " + what);
}

const nlohmann::json* Body::member(const char* name) {
  read_.emplace_back(name);
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string Body::text(const char* name, bool needed) {
  const auto* found = member(name);
  if (found == nullptr && needed) complain(name, "is missing");
  if (found == nullptr) return {};
  if (!found->is_string()) {
    complain(name, "is not a text");
    return {};
  }
  return found->get<std::string>();
}

bool Body::flag(const char* name) {
  const auto* found = member(name);
  if (found != nullptr && !found->is_boolean()) complain(name, "is not true or false");
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

std::optional<std::int64_t> Body::number(const char* name) {
  const auto* found = member(name);
  if (found == nullptr) return std::nullopt;
  const bool whole = found->is_number_integer();
  const bool fits = whole && (!found->is_number_unsigned() ||
                              found->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  if (fits) return found->get<std::int64_t>();
  complain(name, "is not a whole number");
  return std::nullopt;
}

std::vector<std::string> Body::texts(const char* name) {
  std::vector<std::string> list;
  const auto* found = member(name);
  if (found == nullptr) return list;
  const bool good = found->is_array() && std::ranges::all_of(*found, [](const nlohmann::json& item) { return item.is_string(); });
  if (good) list = found->get<std::vector<std::string>>();
  if (!good) complain(name, "is not a list of texts");
  return list;
}

std::map<std::string, std::string> Body::values(const char* name) {
  std::map<std::string, std::string> map;
  const auto* found = member(name);
  if (found == nullptr) return map;
  const bool good =
      found->is_object() && std::ranges::all_of(*found, [](const nlohmann::json& item) { return item.is_string(); });
  if (good) map = found->get<std::map<std::string, std::string>>();
  if (!good) complain(name, "is not an object of names and texts");
  return map;
}

UserId Body::user() {
  const auto id = number("user_id");
  if (!id) complain("user_id", "is missing");
  if (id && *id < 1) complain("user_id", "is not a positive number");
  return UserId(id.value_or(0));
}

std::string Body::uuid(const char* name, bool needed) {
  auto given = text(name, needed);
  if (given.empty() && !needed && json_.find(name) == json_.end()) return {};
  if (given.empty() && !needed && json_[name].is_null()) return {};
  auto id = uuid_from(std::move(given));
  if (!id) complain(name, "is not a UUID");
  return id.value_or(std::string());
}

void Body::refuse_others() {
  for (const auto& [name, value] : json_.items()) {
    if (error_ || std::ranges::find(read_, name) != read_.end()) continue;
    error_ = invalid(name, "there is no member " + formats::quote(name), formats::suggestion("members", name, read_));
  }
}

Result<std::optional<std::int64_t>> number_of(const Call& call, const char* name, std::int64_t min, std::int64_t max) {
  const auto found = call.query.find(name);
  if (found == call.query.end()) return std::nullopt;
  const auto& text = found->second;
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size() || number < min || number > max)
    return fail(invalid(name, std::string(name) + "=" + formats::quote(text) + " is not a whole number from " +
                                  std::to_string(min) + " to " + std::to_string(max)));
  return number;
}

Result<UserId> user_of(const Call& call) {
  const auto number = number_of(call, "user_id", 1, std::numeric_limits<std::int64_t>::max());
  if (!number) return fail(number.error());
  if (!*number) return fail(invalid("user_id", "'user_id' is missing", "add ?user_id=1"));
  return UserId(**number);
}

Result<ProjectId> project_of(const Call& call) {
  const auto& given = call.names.at("project");
  auto id = uuid_from(given);
  if (!id) return fail(invalid("project_id", formats::quote(given) + " is not a UUID"));
  return ProjectId(std::move(*id));
}

}  // namespace baton::api
