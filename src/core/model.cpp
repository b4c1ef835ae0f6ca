#include "core/model.hpp"

#include <algorithm>
#include <string_view>

#include "core/key.hpp"
#include "core/substitute.hpp"

namespace baton::core {

namespace {

constexpr std::size_t folder_bytes_max = 200;  // below the 255 of file systems, with room for suffixes
constexpr std::size_t folder_bytes_kept = 160;
constexpr std::size_t folder_digest_digits = 16;

constexpr bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// A value as a part of a folder's name; two values never share one.
std::string escaped(std::string_view value) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  if (value.empty()) return "%";
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (is_plain(c) && (c != '.' || i > 0)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4u];
      out += hex[byte & 0xFu];
    }
  }
  return out;
}

std::string cut(std::string name) {
  if (name.size() <= folder_bytes_max) return name;
  return name.substr(0, folder_bytes_kept) + sha256(name).substr(0, folder_digest_digits);
}

/// A list or an object is its JSON text here: a folder's name needs one word for each variable.
std::string plain_word(const Value& value) {
  if (!value.json.starts_with('"')) return value.json;
  return words_of(value.json).front();
}

}  // namespace

std::vector<Index> predecessors(const Node& node) {
  std::vector<Index> before = node.after;
  for (const auto& input : node.inputs) {
    const auto* from = std::get_if<From>(&input.source);
    if (from == nullptr) continue;
    for (const auto& source : from->sources) {
      if (!source.given) before.push_back(source.node);
    }
  }
  std::ranges::sort(before);
  before.erase(std::unique(before.begin(), before.end()), before.end());
  return before;
}

std::string folder_of(const Node& node) {
  auto folder = cut(escaped(node.step->name));
  if (node.foreach.empty()) return folder;
  std::string key;
  for (const auto& [variable, value] : node.foreach) {
    if (!key.empty()) key += ',';
    key += escaped(plain_word(value));
  }
  return folder + "/" + cut(std::move(key));
}

std::string digest_of(const Product& product) {
  if (const auto* value = std::get_if<Value>(&product.content)) return sha256(value->json);
  return std::get<Stamp>(product.content).digest;
}

}  // namespace baton::core
