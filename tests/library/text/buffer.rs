//! The buffer in which the library composes a text.

use network_connections::text::buffer::TextBuffer;

#[test]
fn a_truncated_text_is_not_complete() {
    let mut bytes = [0; 40];
    let mut text = TextBuffer::new(&mut bytes);
    text.push(b"as much as there is room for");
    assert_eq!(text.complete(), Some(&b"as much as there is room for"[..]));
    text.push(&[b'x'; 1 << 20]);
    assert_eq!(text.complete(), None);
    text.push(b"!");
    assert_eq!(text.complete(), None);
    assert_eq!(text.fitted(), b"as much as there is room for!");
    text.clear();
    assert_eq!(text.complete(), Some(&b""[..]));
}
