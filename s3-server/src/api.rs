//! The S3 operations, over the [`Store`].

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, Object as Listed, PutObjectInput,
    PutObjectOutput, StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use std::sync::Arc;
use std::time::SystemTime;

use crate::precondition::{Conditions, select};
use crate::store::{CompleteError, OBJECT_BYTES_MAX, Object, PART_NUMBER_MAX, Store, md5_hex};

mod listing;

/// The API over one store.
pub(crate) struct Api {
    store: Store,
}

impl Api {
    pub(crate) fn new(store: Store) -> Api {
        Api { store }
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.require_bucket(bucket)?;
        self.store
            .get(bucket, key)
            .ok_or_else(|| s3_error!(NoSuchKey, "no such key"))
    }

    fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.store.has_bucket(bucket) {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket, "no such bucket"))
        }
    }

    /// The conditions of a PUT: `If-None-Match: *` to create only, `If-Match`
    /// to replace one version only.
    fn check_write(
        &self,
        bucket: &str,
        key: &str,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let object = self.store.get(bucket, key);
        let matches = |condition: &ETagCondition| match (&object, condition.as_etag()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(object), Some(etag)) => etag.strong_cmp(&ETag::Strong(object.etag.clone())),
        };
        if if_match.is_some_and(|condition| !matches(condition)) || if_none_match.is_some_and(matches) {
            return Err(s3_error!(
                PreconditionFailed,
                "the object is not as the condition wants it"
            ));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl S3 for Api {
    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key)?;
        let conditions = Conditions {
            if_match: input.if_match.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
        };
        conditions.check(&object)?;
        let (range, content_range) = select(input.range.as_ref(), object.bytes.len())?;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: content_length(range.len())?,
            body: Some(StreamingBlob::from(Body::from(object.bytes.slice(range)))),
            content_range,
            content_type: object.content_type.clone(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.last_modified.into()),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key)?;
        let conditions = Conditions {
            if_match: input.if_match.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
        };
        conditions.check(&object)?;
        let (range, content_range) = select(input.range.as_ref(), object.bytes.len())?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: content_length(range.len())?,
            content_range,
            content_type: object.content_type.clone(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.last_modified.into()),
            ..Default::default()
        }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let bytes = collect(input.body, input.content_length).await?;
        self.check_write(
            &input.bucket,
            &input.key,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let etag = md5_hex(&bytes);
        let object = Object {
            bytes,
            etag: etag.clone(),
            content_type: input.content_type,
            last_modified: SystemTime::now(),
        };
        self.store.insert(&input.bucket, &input.key, object);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.require_bucket(&request.input.bucket)?;
        self.store.delete(&request.input.bucket, &request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let page = listing::page(&self.store, &input)?;
        let contents = page.objects.into_iter().map(|(key, object)| Listed {
            key: Some(key),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.last_modified.into()),
            size: i64::try_from(object.bytes.len()).ok(),
            ..Default::default()
        });
        let contents: Vec<Listed> = contents.collect();
        let prefixes: Vec<CommonPrefix> = page
            .common_prefixes
            .into_iter()
            .map(|prefix| CommonPrefix { prefix: Some(prefix) })
            .collect();
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
            max_keys: i32::try_from(page.count_max).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            continuation_token: input.continuation_token,
            delimiter: input.delimiter,
            name: Some(input.bucket),
            prefix: input.prefix,
            start_after: input.start_after,
            ..Default::default()
        }))
    }

    async fn list_buckets(
        &self,
        _request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self
            .store
            .list_buckets()
            .into_iter()
            .map(|(name, created)| Bucket {
                name: Some(name),
                creation_date: Some(created.into()),
                ..Default::default()
            });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..Default::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        if !self.store.create_bucket(&bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "the bucket is there already"));
        }
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(format!("/{bucket}")),
        }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.require_bucket(&request.input.bucket)?;
        if !self.store.delete_bucket(&request.input.bucket) {
            return Err(s3_error!(BucketNotEmpty, "the bucket is not empty"));
        }
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let upload_id = self
            .store
            .uploads()
            .create(format!("{}/{}", input.bucket, input.key), input.content_type);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        if !(1..=PART_NUMBER_MAX).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "part numbers go from 1 to 10000"));
        }
        let bytes = collect(input.body, input.content_length).await?;
        let path = format!("{}/{}", input.bucket, input.key);
        let etag = self
            .store
            .uploads()
            .put_part(&input.upload_id, &path, input.part_number, bytes);
        let etag = etag.ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        self.check_write(
            &input.bucket,
            &input.key,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let named: Vec<(i32, Option<String>)> = parts
            .into_iter()
            .map(|part| {
                (
                    part.part_number.unwrap_or_default(),
                    part.e_tag.map(ETag::into_value),
                )
            })
            .collect();
        let path = format!("{}/{}", input.bucket, input.key);
        let completed = self.store.uploads().complete(&input.upload_id, &path, &named);
        let (bytes, etag, content_type) = completed.map_err(|error| match error {
            CompleteError::UnknownUpload => s3_error!(NoSuchUpload, "no such upload"),
            CompleteError::InvalidPart => s3_error!(InvalidPart, "a part is absent or another"),
            CompleteError::InvalidPartOrder => {
                s3_error!(InvalidPartOrder, "parts must be in ascending order")
            }
            CompleteError::TooLarge => s3_error!(EntityTooLarge, "the object is too large"),
        })?;
        let object = Object {
            bytes,
            etag: etag.clone(),
            content_type,
            last_modified: SystemTime::now(),
        };
        self.store.insert(&input.bucket, &input.key, object);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let path = format!("{}/{}", request.input.bucket, request.input.key);
        if !self.store.uploads().abort(&request.input.upload_id, &path) {
            return Err(s3_error!(NoSuchUpload, "no such upload"));
        }
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn content_length(size: usize) -> S3Result<Option<i64>> {
    i64::try_from(size)
        .map(Some)
        .map_err(s3s::S3Error::internal_error)
}

/// Takes a whole body into memory, [`OBJECT_BYTES_MAX`] at most.
async fn collect(body: Option<StreamingBlob>, content_length: Option<i64>) -> S3Result<Bytes> {
    let too_large = || s3_error!(EntityTooLarge, "the object is too large");
    let announced = u64::try_from(content_length.unwrap_or(0)).unwrap_or(0);
    if OBJECT_BYTES_MAX < announced {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    let Some(mut body) = body else {
        return Ok(Bytes::new());
    };
    while let Some(bytes) = body.next().await {
        let bytes =
            bytes.map_err(|error| s3s::S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
        if OBJECT_BYTES_MAX < whole.len() as u64 + bytes.len() as u64 {
            return Err(too_large());
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}
