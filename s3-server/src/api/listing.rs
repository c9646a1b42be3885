//! Pages of a listing, with folders rolled up by a delimiter.

use std::sync::Arc;

use s3s::dto::ListObjectsV2Input;
use s3s::{S3Result, s3_error};

use crate::store::{Object, Store};

/// The longest page, as on S3.
const PAGE_KEYS_MAX: usize = 1000;

/// One page of keys and of prefixes that stand for many.
pub(super) struct Page {
    pub(super) objects: Vec<(String, Arc<Object>)>,
    pub(super) common_prefixes: Vec<String>,
    /// The continuation token: the last key or prefix of this page, when there
    /// are more.
    pub(super) next: Option<String>,
    pub(super) count_max: usize,
}

/// Lists from the continuation token, or else from `start_after`.
pub(super) fn page(store: &Store, input: &ListObjectsV2Input) -> S3Result<Page> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input
        .delimiter
        .as_deref()
        .filter(|delimiter| !delimiter.is_empty());
    let asked = input.max_keys.and_then(|count| usize::try_from(count).ok());
    let count_max = asked.unwrap_or(PAGE_KEYS_MAX).min(PAGE_KEYS_MAX);
    let mut after = input
        .continuation_token
        .clone()
        .or_else(|| input.start_after.clone())
        .unwrap_or_default();
    let mut page = Page {
        objects: Vec::new(),
        common_prefixes: Vec::new(),
        next: None,
        count_max,
    };
    loop {
        let batch = store.list(&input.bucket, prefix, &after, PAGE_KEYS_MAX);
        let batch = batch.ok_or_else(|| s3_error!(NoSuchBucket, "no such bucket"))?;
        let Some((last, _)) = batch.last() else {
            return Ok(page);
        };
        let next_after = last.clone();
        for (key, object) in batch {
            let folder = delimiter.and_then(|delimiter| folder_of(&key, prefix, delimiter));
            // A page may end in a folder whose keys go on in the next one.
            let seen = folder.is_some_and(|folder| {
                page.common_prefixes.last().is_some_and(|last| last == folder) || after.starts_with(folder)
            });
            if seen {
                continue;
            }
            if count_max <= page.objects.len() + page.common_prefixes.len() {
                page.next = (count_max > 0).then_some(after);
                return Ok(page);
            }
            match folder {
                Some(folder) => {
                    after = folder.to_owned();
                    page.common_prefixes.push(folder.to_owned());
                }
                None => {
                    after.clone_from(&key);
                    page.objects.push((key, object));
                }
            }
        }
        if after < next_after {
            after = next_after;
        }
    }
}

/// `a/b/` of `a/b/c` under the prefix `a/`, cut after the delimiter.
fn folder_of<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let rest = key.get(prefix.len()..)?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks all pages and returns keys and folders in the order they came.
    fn walk(keys: &[&str], prefix: &str, delimiter: Option<&str>, max_keys: i32) -> Vec<String> {
        let store = Store::default();
        for key in keys {
            store.put("b", key, "");
        }
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let input = ListObjectsV2Input {
                bucket: "b".into(),
                prefix: Some(prefix.into()),
                delimiter: delimiter.map(Into::into),
                max_keys: Some(max_keys),
                continuation_token: token,
                ..Default::default()
            };
            let page = page(&store, &input).unwrap();
            assert!(page.objects.len() + page.common_prefixes.len() <= page.count_max);
            seen.extend(page.objects.into_iter().map(|(key, _)| key));
            seen.extend(page.common_prefixes);
            token = page.next;
            if token.is_none() {
                return seen;
            }
        }
    }

    const KEYS: [&str; 6] = [
        "a.txt",
        "shows/1.mp4",
        "shows/2.mp4",
        "shows/3.mp4",
        "trailers/1.mp4",
        "z.txt",
    ];

    #[test]
    fn pages_of_any_size_show_every_key_once() {
        for max_keys in 1..8 {
            assert_eq!(walk(&KEYS, "", None, max_keys), KEYS);
        }
    }

    #[test]
    fn a_delimiter_rolls_a_folder_up_once_even_across_pages() {
        for max_keys in 1..8 {
            let mut seen = walk(&KEYS, "", Some("/"), max_keys);
            seen.sort();
            assert_eq!(
                seen,
                ["a.txt", "shows/", "trailers/", "z.txt"],
                "pages of {max_keys}"
            );
        }
    }

    #[test]
    fn a_prefix_ends_the_listing_where_it_ends() {
        assert_eq!(
            walk(&KEYS, "shows/", Some("/"), 2),
            ["shows/1.mp4", "shows/2.mp4", "shows/3.mp4"]
        );
        assert!(walk(&KEYS, "nothing/", None, 2).is_empty());
    }
}
